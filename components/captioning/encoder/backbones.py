"""The networks of keras.applications, by name: each with its own input size and preprocessing."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from components.captioning.encoder.backbone_names import INPUT_SIZES, canonical_backbone_name


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network of keras.applications.

    Attributes:
        name: As Keras spells it.
        size: Height and width of its input, in pixels.
        preprocess: From colours 0 to 255, float32 [B, size, size, 3], to what it was trained on.
    """

    name: str
    size: int
    preprocess: Callable[[Any], Any]

    def build(self, weights: str | None = None, *, include_top: bool = False) -> keras.Model:
        """Returns the network up to its last average pooling.

        Args:
            weights: None to leave them as initialised; "imagenet" to have Keras fetch them.
            include_top: Whether ImageNet's classifier follows.

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
    """Returns the network of keras.applications with a name; upper and lower case are the same.

    Raises:
        SettingError: If there is none.
    """
    found = canonical_backbone_name(name)
    # Each network stands in one module with the preprocessing that belongs to it.
    module: Any = inspect.getmodule(_constructor(found))
    return Backbone(found, INPUT_SIZES[found], module.preprocess_input)


def _constructor(name: str) -> Any:
    return getattr(keras.applications, name)
