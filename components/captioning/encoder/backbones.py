"""Backbones: the networks of keras.applications with their input size and preprocessing."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from components.settings.backbone_names import INPUT_SIZES, canonical_backbone_name


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network of keras.applications.

    Attributes:
        name: As Keras spells it.
        size: Height and width of its input, in pixels.
        preprocess: Maps pixel values from 0 to 255, float32 [B, size, size, 3], to the network's
            input.
    """

    name: str
    size: int
    preprocess: Callable[[Any], Any]

    def build(self, weights: str | None = None, *, include_top: bool = False) -> keras.Model:
        """Returns the network, ending in global average pooling or in its classifier.

        Args:
            weights: "imagenet" downloads pretrained weights; None initializes weights randomly.
            include_top: Whether to include the ImageNet classifier.

        Returns:
            A model from float32 [B, size, size, 3] to float32 [B, width], or [B, 1000].
        """
        return _constructor(self.name)(
            include_top=include_top,
            weights=weights,
            input_shape=(self.size, self.size, 3),
            pooling="avg",
        )


def find_backbone(name: str) -> Backbone:
    """Returns the network of keras.applications with the given name, ignoring case.

    Raises:
        SettingError: If there is no such network.
    """
    canonical = canonical_backbone_name(name)
    # Each constructor's module also defines the network's preprocessing.
    module: Any = inspect.getmodule(_constructor(canonical))
    return Backbone(canonical, INPUT_SIZES[canonical], module.preprocess_input)


def _constructor(name: str) -> Any:
    return getattr(keras.applications, name)
