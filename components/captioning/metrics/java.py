"""Metrics that are computed by Java programs in `pycocoevalcap`; both are for English only."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from components.captioning.metrics import meteor, spice

#: Scores sets of captions, one per photo, by name, against the references of each photo.
Scorer = Callable[[Mapping[str, Sequence[str]], Sequence[Sequence[str]]], dict[str, float]]


@dataclass(frozen=True)
class JavaMetric:
    """A metric.

    Attributes:
        name: Its display name.
        signature: Version, options and library.
        scores: Computes it.
        english: What of it is English, with a verb.
        missing: Returns what it needs besides Java and is not here; empty if nothing.
    """

    name: str
    signature: str
    scores: Scorer
    english: str
    missing: Callable[[], str] = lambda: ""

    def why_not(self, language: str) -> str:
        """Returns why the metric can't be computed here; empty if it can.

        Args:
            language: The captions' language, a BCP 47 tag.
        """
        if language.partition("-")[0].lower() != "en":
            return f"its {self.english} English, the captions' language is {language}"
        if shutil.which("java") is None:
            return "it needs Java, and there is no program java"
        return self.missing()


#: The metrics, by their names in `scores.json`.
JAVA_METRICS = {
    "meteor": JavaMetric(
        "METEOR", meteor.SIGNATURE, meteor.meteor_scores, "synonyms and paraphrases are"
    ),
    "spice": JavaMetric(
        "SPICE", spice.SIGNATURE, spice.spice_scores, "parser is", spice.missing_models
    ),
}
