"""Settings of the step `features`: the image encoder."""

from typing import ClassVar, Self

from pydantic import field_validator, model_validator

from components.errors import SettingError
from components.settings.backbone_names import (
    INPUT_SIZES,
    canonical_backbone_name,
    is_model_folder,
)
from components.settings.base import setting
from components.settings.shared import Name, PrecisionSettings, SeedSettings, StoreSettings

#: Values of `encoder_weights` that name no file.
WEIGHTS = ("imagenet", "random")


class EncoderSettings(SeedSettings, PrecisionSettings, StoreSettings):
    """The image encoder."""

    title: ClassVar[str] = "Image encoder"

    encoder: Name = setting(
        "InceptionV3",
        "Backbone of keras.applications that encodes the photos; or the folder of an ONNX model, "
        "as Hugging Face exports it: a local path with a '/', gs:// or s3://",
        external=tuple(INPUT_SIZES),
    )
    encoder_output: str = setting(
        "",
        "Output of the ONNX model to use as the feature; empty: the first existing one of "
        "image_embeds, pooler_output and last_hidden_state",
    )
    encoder_weights: Name = setting(
        "random",
        "'imagenet' (downloaded by Keras), a weights file, local, gs:// or s3://, or 'random' "
        "(sufficient for the generated scenes only); an ONNX model has its own",
        external=WEIGHTS,
    )
    multi_crop: bool = setting(
        False,
        "Multi-crop encoding: the mean feature of seven views of a photo (the photo, its mirror "
        "image, crops of its corners and its centre). Encoding, also of photos to caption, takes "
        "seven times as long",
    )
    encoder_batch: int = setting(
        32, "Batch size of the encoder, in photos", decisive=False, ge=32, le=4096
    )

    @field_validator("encoder")
    @classmethod
    def _is_a_backbone_or_a_folder(cls, encoder: str) -> str:
        try:
            return encoder if is_model_folder(encoder) else canonical_backbone_name(encoder)
        except SettingError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _settings_of_one_kind_of_encoder(self) -> Self:
        if is_model_folder(self.encoder):
            if self.encoder_weights not in WEIGHTS:
                raise ValueError(
                    "encoder_weights must not name a file if encoder is an ONNX model, which has "
                    f"its own weights. Received: {self.encoder_weights!r}"
                )
        elif self.encoder_output:
            raise ValueError(
                "encoder_output is for ONNX models only: leave it out, or set encoder to the "
                f"model's folder. Received: {self.encoder_output!r} with encoder {self.encoder!r}"
            )
        return self
