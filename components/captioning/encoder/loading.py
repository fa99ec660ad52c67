"""Loads an image encoder of any kind."""

from pathlib import Path

from components.captioning.encoder.encoder import Encoder
from components.captioning.encoder.image_encoder import ImageEncoder
from components.captioning.encoder.multi_crop import MultiCropEncoder
from components.captioning.encoder.spec import EncoderSpec


def load_encoder(directory: str | Path, *, batch_size: int = 32) -> ImageEncoder:
    """Reads an encoder that its `save` wrote.

    Args:
        directory: Has `encoder.json` and the weights.
        batch_size: Photos per batch.

    Raises:
        DataError: If files are missing or invalid, or the weights are not those of the spec.
    """
    spec = EncoderSpec.load(directory)
    encoder: ImageEncoder
    if spec.onnx is None:
        encoder = Encoder.load(directory, batch_size=batch_size)
    else:
        # A registered model has onnxruntime only if its encoder needs it.
        from components.captioning.encoder.onnx.encoder import OnnxEncoder

        encoder = OnnxEncoder.load(directory, batch_size=batch_size)
    return MultiCropEncoder(encoder) if spec.multi_crop else encoder
