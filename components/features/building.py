"""Builds the image encoder that the settings name."""

from pathlib import Path
from tempfile import TemporaryDirectory

from components.captioning.encoder.dead_leaves import draw_dead_leaves
from components.captioning.encoder.encoder import Encoder
from components.captioning.encoder.image_encoder import ImageEncoder
from components.captioning.encoder.multi_crop import MultiCropEncoder
from components.captioning.encoder.onnx.encoder import OnnxEncoder
from components.captioning.encoder.precision import Precision
from components.captioning.encoder.weights import IMAGENET, RANDOM
from components.settings.backbone_names import is_model_folder
from components.settings.encoder import EncoderSettings
from components.storage.transfer import local_copy

# Number of generated images on which random weights are calibrated.
_CALIBRATION_IMAGES = 64


def build_encoder(settings: EncoderSettings, precision: Precision) -> ImageEncoder:
    """Builds an encoder.

    Args:
        settings: The encoder, its weights and its batch size.
        precision: From `choose_precision`.

    Raises:
        SettingError: If there is no such network or output, or this machine does not support the
            precision.
        DataError: If weights are missing or damaged, or belong to another network.
        CaptionflowError: If an object store does not answer.
    """
    build = _build_onnx_encoder if is_model_folder(settings.encoder) else _build_backbone
    encoder = build(settings, precision)
    return MultiCropEncoder(encoder) if settings.multi_crop else encoder


def _build_backbone(settings: EncoderSettings, precision: Precision) -> Encoder:
    weights, seed = settings.encoder_weights, settings.seed
    with TemporaryDirectory(prefix="captionflow-weights-") as directory:
        if weights not in (IMAGENET, RANDOM):
            weights = str(local_copy(weights, Path(directory)))
        encoder = Encoder.build(
            settings.encoder,
            weights,
            seed=seed,
            batch_size=settings.encoder_batch,
            precision=precision,
        )
    if weights == RANDOM:
        # Not calibrated on photos, because the encoder would then change with the data.
        encoder.calibrate(draw_dead_leaves(_CALIBRATION_IMAGES, encoder.spec.size, seed))
    return encoder


def _build_onnx_encoder(settings: EncoderSettings, _: Precision) -> OnnxEncoder:
    with TemporaryDirectory(prefix="captionflow-encoder-") as directory:
        folder = local_copy(settings.encoder, Path(directory))
        return OnnxEncoder.build(folder, settings.encoder_output, batch_size=settings.encoder_batch)
