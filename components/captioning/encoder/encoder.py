"""The encoder: a network of keras.applications that turns photos into features."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.artifacts.examples import ENCODER_FILE
from components.captioning.encoder.backbones import Backbone, find_backbone
from components.captioning.encoder.precision import (
    Precision,
    computing_in,
    has_bfloat16,
    require_precision,
)
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

ENCODER_WEIGHTS_FILE = "encoder.weights.h5"

_Compiled = Callable[[tf.Tensor], tf.Tensor]


class Encoder:
    """A network up to its last average pooling, its own preprocessing included.

    Made by `Encoder.build` or `Encoder.load`. One of bfloat16 that is loaded where there is none
    computes in float32, and logs it: photos can be described so, but no features be kept.

    Attributes:
        spec: What tells this encoder from others.
        batch_size: Photos that are computed at once; fewer are filled up with black ones.
    """

    def __init__(
        self, model: keras.Model, network: Backbone, spec: EncoderSpec, batch_size: int
    ) -> None:
        self.spec = spec
        self.batch_size = batch_size
        self._model = model
        self._network = network
        self._precision = spec.precision
        if spec.precision == "bfloat16" and not has_bfloat16():
            logger.warning(
                "this encoder is of bfloat16, which this machine does not have: it computes in "
                "float32"
            )
            self._precision = "float32"
        self._features: _Compiled | None = None
        self._feature_map: _Compiled | None = None

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
        """Makes an encoder.

        Args:
            network: The name of a network of keras.applications, for example "InceptionV3".
            weights: "imagenet" (Keras fetches them), "random" (see `calibrate`), or the path of
                a Keras weights file on this machine.
            seed: Of random weights.
            batch_size: Photos that are computed at once.
            precision: What it computes in, see `precision.choose_precision`.

        Raises:
            SettingError: If there is no such network, the path has an unknown scheme, or
                this machine can't compute in the precision.
            DataError: If Keras can't fetch the weights, or the file isn't this network's.
        """
        require_precision(precision)
        found = find_backbone(network)
        model = build_with_weights(found, weights, seed)
        spec = EncoderSpec(
            network=found.name,
            weights=weights if weights in (IMAGENET, RANDOM) else FILE,  # type: ignore[arg-type] # mypy sees no Literal in `in`.
            seed=seed if weights == RANDOM else None,
            sha256=weights_sha256(model),
            width=model.output_shape[-1],
            size=found.size,
            precision=precision,
        )
        logger.info(
            "encoder %s, weights %s, %d wide, %s", found.name, weights, spec.width, precision
        )
        return cls(model, found, spec, batch_size)

    @classmethod
    def load(cls, directory: str | Path, *, batch_size: int = 32) -> "Encoder":
        """Reads an encoder that `save` wrote.

        Raises:
            DataError: If files are missing or broken, or the weights aren't those of the spec.
        """
        spec = EncoderSpec.load(directory)
        network = find_backbone(spec.network)
        model = network.build()
        file = Path(directory) / ENCODER_WEIGHTS_FILE
        load_weights(model, network, file, named=str(file))
        sha256 = weights_sha256(model)
        if sha256 != spec.sha256:
            raise DataError(
                f"The weights in {file} must be those that {ENCODER_FILE} names, with SHA-256 "
                f"{spec.sha256}. Received: {sha256}. Write the encoder anew"
            )
        return cls(model, network, spec, batch_size)

    def save(self, directory: str | Path) -> None:
        """Writes `encoder.json` and `encoder.weights.h5` into a directory."""
        self._model.save_weights(Path(directory) / ENCODER_WEIGHTS_FILE)
        self.spec.save(directory)

    def calibrate(self, photos: NDArray[np.uint8]) -> None:
        """Sets the statistics of batch normalisation to those of some photos, layer by layer.

        Random weights need it: without, all photos look nearly the same to them. A network without
        batch normalisation stays as it is.

        Args:
            photos: uint8 [B, size, size, 3]; all are computed at once.
        """
        layers = self._model.layers
        norms = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
        drops = [layer for layer in layers if isinstance(layer, keras.layers.Dropout)]
        if not norms:
            return
        # Momentum 0: what training mode measures replaces what was there.
        with _having(norms, "momentum", 0.0), _having(drops, "rate", 0.0):
            # In a graph each activation is freed once it is used.
            tf.function(lambda batch: self._model(self._prepare(batch), training=True))(
                tf.constant(photos)
            )
        self.spec = replace(self.spec, sha256=weights_sha256(self._model))
        self._features = self._feature_map = None
        logger.info("calibrated %d layers on %d photos", len(norms), len(photos))

    def encode(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the features of photos.

        Args:
            photos: uint8 [B, size, size, 3], see `photos.load_photo`; any number of them.

        Returns:
            float32 [B, width].
        """
        self._features = self._features or self._compile(self._model)
        return self._compute(self._features, photos, self._model.output_shape[1:])

    def feature_map(self, photos: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Returns the last maps of photos, each cell of which sees most of one part.

        Args:
            photos: As for `encode`.

        Returns:
            float32 [B, H, W, width], whose means over H and W are the features; None if the
            network does not end with that mean.
        """
        mean = self._model.layers[-1]
        if not isinstance(mean, keras.layers.GlobalAveragePooling2D):
            return None
        self._feature_map = self._feature_map or self._compile(
            keras.Model(self._model.input, mean.input)
        )
        return self._compute(self._feature_map, photos, mean.input.shape[1:])

    def _compute(
        self, compiled: _Compiled, photos: NDArray[np.uint8], shape: tuple[int, ...]
    ) -> NDArray[np.float32]:
        computed = np.empty((len(photos), *shape), np.float32)
        for start in range(0, len(photos), self.batch_size):
            batch = photos[start : start + self.batch_size]
            if missing := self.batch_size - len(batch):
                # One shape for all batches, so that nothing is compiled twice.
                batch = np.pad(batch, ((0, missing), (0, 0), (0, 0), (0, 0)))
            found = compiled(tf.constant(batch)).numpy()
            computed[start : start + self.batch_size] = found[: self.batch_size - missing]
        return computed

    def _prepare(self, photos: tf.Tensor) -> tf.Tensor:
        return self._network.preprocess(tf.cast(photos, tf.float32))

    def _compile(self, model: keras.Model) -> _Compiled:
        trained, others = (
            [variable.numpy() for variable in variables]
            for variables in (model.trainable_variables, model.non_trainable_variables)
        )

        def forward(photos: tf.Tensor) -> tf.Tensor:
            # With the weights as constants TensorFlow folds normalisation into the convolutions.
            constants = ([tf.constant(value) for value in values] for values in (trained, others))
            found, _ = model.stateless_call(*constants, self._prepare(photos), training=False)
            return found

        shape = (self.batch_size, self.spec.size, self.spec.size, 3)
        graph = tf.function(forward).get_concrete_function(tf.TensorSpec(shape, tf.uint8))

        def compiled(photos: tf.Tensor) -> tf.Tensor:
            with computing_in(self._precision):
                return graph(photos)

        return compiled


@contextmanager
def _having(layers: list[Any], attribute: str, value: float) -> Iterator[None]:
    """Gives an attribute of layers another value for a while."""
    before = [getattr(layer, attribute) for layer in layers]
    for layer in layers:
        setattr(layer, attribute, value)
    try:
        yield
    finally:
        for layer, old in zip(layers, before, strict=True):
            setattr(layer, attribute, old)
