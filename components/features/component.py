"""The KFP step `features`."""

from kfp.dsl import Dataset, Input, Output

from components.runtime.step import step


@step
def features(
    manifest: Input[Dataset],
    captions: Input[Dataset],
    encoder: str,
    encoder_weights: str,
    encoder_batch: int,
    seed: int,
    precision: str,
    beam_flags: str,
    store: str,
    examples: Output[Dataset],
) -> None:
    """Encodes every captioned photo, and writes it with its captions as TFRecords.

    Features that the store has are not computed again. See
    `components.features.extraction.extract_features`.
    """
    from components.runtime.execution import run_step

    with run_step("features") as ready:
        from components.features.extraction import extract_features

        ready()
        examples.metadata.update(
            extract_features(
                manifest.path,
                captions.path,
                examples.path,
                encoder=encoder,
                encoder_weights=encoder_weights,
                encoder_batch=encoder_batch,
                seed=seed,
                precision=precision,
                beam_flags=beam_flags,
                store=store,
            )
        )
