"""Settings of the step `features`: the image encoder."""

from typing import ClassVar

from components.settings.base import setting
from components.settings.shared import BeamSettings, Name, PrecisionSettings, SeedSettings


class EncoderSettings(SeedSettings, PrecisionSettings, BeamSettings):
    """The image encoder and the feature store."""

    title: ClassVar[str] = "Image encoder"

    encoder: Name = setting("InceptionV3", "Backbone of keras.applications that encodes the photos")
    encoder_weights: Name = setting(
        "random",
        "'imagenet' (downloaded by Keras), a weights file, local, gs:// or s3://, or 'random' "
        "(sufficient for the generated scenes only)",
        external=("imagenet", "random"),
    )
    encoder_batch: int = setting(
        32, "Batch size of the encoder, in photos", decisive=False, ge=32, le=4096
    )
    store: str = setting(
        "features",
        "Feature store: a folder, local, gs:// or s3://, with earlier runs' features; empty: none",
        decisive=False,
    )
