"""Loads an encoder's weights: ImageNet weights from Keras, a file, or random ones from a seed."""

import hashlib
import math
from pathlib import Path

import keras
import numpy as np

from components.captioning.encoder.backbones import Backbone
from components.captioning.hdf5 import WeightsError, check_weights_file, load_weights_strictly
from components.errors import DataError, missing

IMAGENET = "imagenet"
RANDOM = "random"
FILE = "file"

_SUFFIXES = (".h5", ".hdf5")

# Standard deviation of ImageNet's colours, for pixel values from 0 to 1.
_IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)


def build_with_weights(network: Backbone, weights: str, seed: int = 0) -> keras.Model:
    """Builds a network and gives it its weights.

    Args:
        network: The network.
        weights: "imagenet" (downloaded by Keras), "random", or the local path of a Keras weights
            file.
        seed: Seed of random weights.

    Returns:
        A model from float32 [B, size, size, 3] to float32 [B, width].

    Raises:
        DataError: If Keras can't download the weights, or the file is not for this network.
        SettingError: If the path has an unknown scheme.
    """
    if weights == IMAGENET:
        return _from_imagenet(network)
    model = network.build()
    if weights == RANDOM:
        _randomise(model, seed)
        return model
    load_weights(model, network, Path(weights), named=weights)
    return model


def load_weights(model: keras.Model, network: Backbone, file: Path, *, named: str) -> None:
    """Loads all weights from a file, or fails.

    Args:
        model: The result of `network.build()`.
        network: The network.
        file: A `.weights.h5` of Keras 3 or an `.h5` of older versions, with or without the
            classifier.
        named: The file's name in error messages.

    Raises:
        DataError: If it is not a weights file, is for another network, or lacks weights.
    """
    if not file.name.endswith(_SUFFIXES):
        raise DataError(
            f"encoder_weights must be a Keras weights file, .weights.h5 or .h5. Received: {named}"
        )
    if not file.is_file():
        raise missing(named)
    try:
        check_weights_file(model, file)
    except WeightsError as error:
        raise DataError(
            f"encoder_weights must be a Keras weights file. {error}. Received: {named}"
        ) from error
    try:
        load_weights_strictly(model, file)
    except WeightsError as error:
        if not _load_without_top(model, network, file):
            raise DataError(
                f"encoder_weights must hold weights of {network.name}. {error}. Received: {named}"
            ) from error
    _settle_normalization(model)


def weights_sha256(model: keras.Model) -> str:
    """Returns the SHA-256 of a model's weights: 64 hex digits, the same for any file format.

    The hash covers each variable's name (kernel, beta, ...), shape and float32 values, in order. It
    does not cover the names of layers, because Keras numbers them consecutively within a process.
    """
    digest = hashlib.sha256()
    for variable in model.weights:
        digest.update(f"{variable.name} {tuple(variable.shape)}\n".encode())
        digest.update(np.ascontiguousarray(variable.numpy(), "<f4").data)
    return digest.hexdigest()


def _load_without_top(model: keras.Model, network: Backbone, file: Path) -> bool:
    """Loads a file that also holds the classifier, which Keras would reject as too many layers.

    Returns:
        Whether the weights were loaded.
    """
    whole = network.build(include_top=True)
    try:
        load_weights_strictly(whole, file)
    except WeightsError:
        return False
    # The classifier's weights come last.
    model.set_weights(whole.get_weights()[: len(model.weights)])
    return True


def _from_imagenet(network: Backbone) -> keras.Model:
    try:
        fetched = network.build(IMAGENET)
    except Exception as error:  # Keras raises a bare Exception when a download fails.
        raise DataError(
            f"encoder_weights is {IMAGENET!r}, but Keras can't fetch these weights of "
            f"{network.name} here: {error}. Download them elsewhere and set encoder_weights to "
            "the path of the .weights.h5 or .h5 file, on this machine"
        ) from error
    model = network.build()
    model.set_weights(fetched.get_weights())
    _settle_normalization(model)
    return model


def _randomise(model: keras.Model, seed: int) -> None:
    # He uniform initialization with NumPy: the same on every machine, without seeding a global
    # random state.
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        for variable in layer.trainable_variables:
            if variable.name.endswith("kernel"):
                inputs = math.prod(variable.shape[: 2 if depthwise else -1])
                limit = math.sqrt(6 / inputs)
                drawn = generator.uniform(-limit, limit, variable.shape)
                variable.assign(drawn.astype(np.float32))


def _settle_normalization(model: keras.Model) -> None:
    """Applies loaded statistics to normalization layers, and corrects those of EfficientNet.

    EfficientNet's published weights hold the standard deviation where the variance belongs. Keras
    compensates for it with another layer, but only if it downloads the weights itself:
    github.com/tensorflow/tensorflow/issues/49930.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.input_mean is None:
            variance = layer.adapt_variance.numpy()
            if np.allclose(variance, _IMAGENET_STD, atol=1e-3):
                layer.adapt_variance.assign(variance * _IMAGENET_STD)
            layer.finalize_state()
