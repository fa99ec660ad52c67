"""The image encoder: a pretrained network that turns photos into features."""

import logging
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.artifacts.files import ENCODER_FILE, ENCODER_WEIGHTS_FILE
from components.captioning.encoder.backbones import Backbone, find_backbone
from components.captioning.encoder.batch_norm import calibrate_batch_norm
from components.captioning.encoder.compiled import Compiled, compile_model, compute_in_batches
from components.captioning.encoder.images import load_photo
from components.captioning.encoder.precision import Precision, has_bfloat16, require_precision
from components.captioning.encoder.spec import EncoderSpec
from components.captioning.encoder.weights import (
    FILE,
    IMAGENET,
    RANDOM,
    build_with_weights,
    load_weights,
    weights_sha256,
)
from components.errors import DataError

logger = logging.getLogger(__name__)


class Encoder:
    """A backbone with its preprocessing, ending in global average pooling.

    Created by `Encoder.build` or `Encoder.load`. A bfloat16 encoder loaded on a machine without
    bfloat16 computes in float32 and logs a warning: good enough to describe photos, but not to
    extract features for training.

    Attributes:
        spec: Identifies the encoder.
        batch_size: Photos per batch; smaller batches are padded with black images.
    """

    def __init__(
        self, model: keras.Model, backbone: Backbone, spec: EncoderSpec, batch_size: int
    ) -> None:
        self.spec = spec
        self.batch_size = batch_size
        self._model = model
        self._backbone = backbone
        self._precision = spec.precision
        if spec.precision == "bfloat16" and not has_bfloat16():
            logger.warning(
                "this encoder uses bfloat16, which this machine does not support: computing in "
                "float32"
            )
            self._precision = "float32"
        self._features: Compiled | None = None
        self._feature_map: Compiled | None = None

    @classmethod
    def build(
        cls,
        network: str,
        weights: str = IMAGENET,
        *,
        seed: int = 0,
        batch_size: int = 32,
        precision: Precision = "float32",
    ) -> "Encoder":
        """Builds an encoder.

        Args:
            network: The name of a network of keras.applications, for example "InceptionV3".
            weights: "imagenet" (downloaded by Keras), "random" (see `calibrate`), or the local
                path of a Keras weights file.
            seed: Seed of random weights.
            batch_size: Photos per batch.
            precision: Computation dtype, see `precision.choose_precision`.

        Raises:
            SettingError: If there is no such network, the path has an unknown scheme, or this
                machine does not support the precision.
            DataError: If Keras can't download the weights, or the file is not for this network.
        """
        require_precision(precision)
        backbone = find_backbone(network)
        model = build_with_weights(backbone, weights, seed)
        spec = EncoderSpec(
            network=backbone.name,
            weights=weights if weights in (IMAGENET, RANDOM) else FILE,  # type: ignore[arg-type] # mypy sees no Literal in `in`.
            seed=seed if weights == RANDOM else None,
            sha256=weights_sha256(model),
            width=model.output_shape[-1],
            size=backbone.size,
            precision=precision,
        )
        logger.info(
            "encoder %s, weights %s, %d features per photo, %s",
            backbone.name,
            weights,
            spec.width,
            precision,
        )
        return cls(model, backbone, spec, batch_size)

    @classmethod
    def load(cls, directory: str | Path, *, batch_size: int = 32) -> "Encoder":
        """Reads an encoder that `save` wrote.

        Raises:
            DataError: If files are missing or invalid, or the weights are not those of the spec.
        """
        spec = EncoderSpec.load(directory)
        backbone = find_backbone(spec.network)
        model = backbone.build()
        if (spec.size, spec.width) != (backbone.size, model.output_shape[-1]):
            raise DataError(
                f"{ENCODER_FILE} must have the size and width of {backbone.name}, {backbone.size} "
                f"and {model.output_shape[-1]}. Received: {spec.size} and {spec.width}"
            )
        file = Path(directory) / ENCODER_WEIGHTS_FILE
        load_weights(model, backbone, file, named=str(file))
        sha256 = weights_sha256(model)
        if sha256 != spec.sha256:
            raise DataError(
                f"The weights in {file} must have the SHA-256 that {ENCODER_FILE} names, "
                f"{spec.sha256}. Received: {sha256}. Restore the file, or run features again"
            )
        return cls(model, backbone, spec, batch_size)

    def save(self, directory: str | Path) -> None:
        """Writes `encoder.json` and `encoder.weights.h5` into a directory."""
        self._model.save_weights(Path(directory) / ENCODER_WEIGHTS_FILE)
        self.spec.save(directory)

    def calibrate(self, photos: NDArray[np.uint8]) -> None:
        """Sets the batch normalization statistics to those of the given photos, layer by layer.

        Random weights need this: otherwise all photos get nearly the same features. A network
        without batch normalization is not changed.

        Args:
            photos: uint8 [B, size, size, 3], processed as one batch.
        """
        layers = calibrate_batch_norm(self._model, self._prepare, photos)
        if not layers:
            return
        self.spec = replace(self.spec, sha256=weights_sha256(self._model))
        self._features = self._feature_map = None
        logger.info("calibrated %d layers on %d photos", layers, len(photos))

    def load_photo(self, source: str | Path | bytes, *, named: str = "") -> NDArray[np.uint8]:
        """Returns a photo as `encode` takes it, uint8 [size, size, 3]; see `images.load_photo`.

        Raises:
            DataError: If it can't be read.
        """
        return load_photo(source, self.spec.size, named=named)

    def encode(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the features of photos.

        Args:
            photos: uint8 [B, size, size, 3], see `load_photo`; any number of them.

        Returns:
            float32 [B, width].
        """
        self._features = self._features or self._compile(self._model)
        return compute_in_batches(
            self._features, photos, self._model.output_shape[1:], self.batch_size
        )

    def feature_map(self, photos: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Returns the last feature maps of photos, each cell of which covers a part of the photo.

        Args:
            photos: As for `encode`.

        Returns:
            float32 [B, H, W, width], whose mean over H and W is the feature; None if the network
            does not end in global average pooling.
        """
        pooling = self._model.layers[-1]
        if not isinstance(pooling, keras.layers.GlobalAveragePooling2D):
            return None
        self._feature_map = self._feature_map or self._compile(
            keras.Model(self._model.input, pooling.input)
        )
        return compute_in_batches(
            self._feature_map, photos, pooling.input.shape[1:], self.batch_size
        )

    def _prepare(self, photos: tf.Tensor) -> tf.Tensor:
        return self._backbone.preprocess(tf.cast(photos, tf.float32))

    def _compile(self, model: keras.Model) -> Compiled:
        shape = (self.batch_size, self.spec.size, self.spec.size, 3)
        return compile_model(model, self._prepare, shape, self._precision)
