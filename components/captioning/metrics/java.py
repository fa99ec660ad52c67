"""Metrics that are computed by Java programs in `pycocoevalcap`; both are for English only."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from components.captioning.metrics import meteor, spice
from components.captioning.metrics.spice_jars import missing_jars

#: Scores sets of captions, one per photo, by name, against the references of each photo.
Scorer = Callable[[Mapping[str, Sequence[str]], Sequence[Sequence[str]]], dict[str, float]]


@dataclass(frozen=True)
class JavaMetric:
    """A metric.

    Attributes:
        name: Its display name.
        signature: Version, options and library.
        score: Computes it; raises `JavaError` if Java fails.
        why_english: Why it is for English only, a clause.
        why_not_installed: Returns which files besides Java are missing, a clause; empty if none is.
    """

    name: str
    signature: str
    score: Scorer
    why_english: str
    why_not_installed: Callable[[], str] = lambda: ""

    def why_not(self, language: str) -> str:
        """Returns why the metric can't be computed here, a clause; empty if it can.

        Args:
            language: The captions' language, a BCP 47 tag.
        """
        if language.partition("-")[0].lower() != "en":
            return f"{self.why_english}, the captions' language is {language}"
        if shutil.which("java") is None:
            return "it needs Java, and there is no program java"
        return self.why_not_installed()


#: The metrics, by their names in `scores.json`.
JAVA_METRICS = {
    "meteor": JavaMetric(
        "METEOR",
        meteor.SIGNATURE,
        meteor.meteor_scores,
        "its synonyms and paraphrases are English",
    ),
    "spice": JavaMetric(
        "SPICE", spice.SIGNATURE, spice.spice_scores, "its parser is for English", missing_jars
    ),
}
