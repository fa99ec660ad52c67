"""The KFP step `normalize`."""

from typing import Any

from kfp.dsl import Dataset, Input, Output

from components.runtime.step import step
from components.settings.data import VocabularySettings


@step(VocabularySettings)
def normalize(
    settings: dict[str, Any], manifest: Input[Dataset], captions: Output[Dataset]
) -> None:
    """Converts captions to token ids, with a vocabulary built from the train split only.

    See `components.normalize.normalization.normalize_captions`.
    """
    from components.runtime.execution import run_step

    with run_step("normalize", manifest) as ready:
        from components.normalize.normalization import normalize_captions
        from components.settings.data import VocabularySettings

        ready()
        checked = VocabularySettings.check(settings)
        report = normalize_captions(
            manifest.path, captions.path, min_count=checked.min_count, beam_flags=checked.beam_flags
        )
        captions.metadata["vocabulary_size"] = report["vocabulary_size"]
        captions.metadata["longest_caption"] = report["longest_caption"]
        for split, counts in report["splits"].items():
            captions.metadata[f"{split}_captions"] = counts["captions"]
