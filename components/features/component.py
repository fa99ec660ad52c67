"""The KFP component of step 3."""

from kfp.dsl import Dataset, Input, Output

from components.platform.step import step


@step
def features(
    manifest: Input[Dataset],
    captions: Input[Dataset],
    encoder: str,
    encoder_weights: str,
    encoder_batch: int,
    seed: int,
    beam_flags: str,
    examples: Output[Dataset],
) -> None:
    """Encodes every captioned photo, and writes it with its captions as TFRecords.

    Args:
        manifest: The photos, see `components.platform.manifest`.
        captions: Their captions, see `components.platform.captions`.
        encoder: A network of keras.applications.
        encoder_weights: "imagenet", "random", or the local or `gs://` path of a weights file.
        encoder_batch: Photos that are encoded at once, 32 or more.
        seed: Of random weights.
        beam_flags: How Beam runs, as on a command line.
        examples: The examples artifact, see `components.platform.records`.
    """
    from components.features.extraction import extract_features
    from components.platform.running import running

    with running("features"):
        examples.metadata.update(
            extract_features(
                manifest.path,
                captions.path,
                examples.path,
                encoder=encoder,
                encoder_weights=encoder_weights,
                encoder_batch=encoder_batch,
                seed=seed,
                beam_flags=beam_flags,
            )
        )
