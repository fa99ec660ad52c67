"""The KFP step `features`."""

from typing import Any

from kfp.dsl import Dataset, Input, Output

from components.runtime.step import step
from components.settings.encoder import EncoderSettings


@step(EncoderSettings)
def features(
    settings: dict[str, Any],
    manifest: Input[Dataset],
    captions: Input[Dataset],
    examples: Output[Dataset],
) -> None:
    """Encodes every captioned photo and writes it with its captions as TFRecords.

    Features that the store holds are not computed again. See
    `components.features.extraction.extract_features`.
    """
    from components.runtime.execution import run_step

    with run_step("features", manifest, captions) as ready:
        from components.features.extraction import extract_features
        from components.settings.encoder import EncoderSettings

        ready()
        facts = extract_features(
            manifest.path, captions.path, examples.path, EncoderSettings.check(settings)
        )
        examples.metadata.update(facts)
