"""The networks of keras.applications, by name: each with its own input size and preprocessing."""

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from components.platform.errors import SettingError

# Keras keeps the size that a network was trained at inside its constructor; most take 224.
_USUAL_SIZE = 224
_SIZES = {
    "EfficientNetB1": 240,
    "EfficientNetB2": 260,
    "EfficientNetB3": 300,
    "EfficientNetB4": 380,
    "EfficientNetB5": 456,
    "EfficientNetB6": 528,
    "EfficientNetB7": 600,
    "EfficientNetV2B1": 240,
    "EfficientNetV2B2": 260,
    "EfficientNetV2B3": 300,
    "EfficientNetV2L": 480,
    "EfficientNetV2M": 480,
    "EfficientNetV2S": 384,
    "InceptionResNetV2": 299,
    "InceptionV3": 299,
    "NASNetLarge": 331,
    "Xception": 299,
}


@dataclass(frozen=True, slots=True)
class Network:
    """A network of keras.applications.

    Attributes:
        name: As Keras spells it.
        size: Height and width of its input, in pixels.
        preprocess: From colours 0 to 255, float32 [B, size, size, 3], to what it was trained on.
    """

    name: str
    size: int
    preprocess: Callable[[Any], Any]

    def build(self, weights: str | None = None) -> keras.Model:
        """Returns the network up to its last average pooling.

        Args:
            weights: None to leave them as initialised; "imagenet" to have Keras fetch them.

        Returns:
            A model from float32 [B, size, size, 3] to float32 [B, width].
        """
        return _constructors()[self.name](
            include_top=False,
            weights=weights,
            input_shape=(self.size, self.size, 3),
            pooling="avg",
        )


def find_network(name: str) -> Network:
    """Returns the network of keras.applications with a name; upper and lower case are the same.

    Raises:
        SettingError: If there is none.
    """
    constructors = _constructors()
    spelt = {known.lower(): known for known in constructors}
    if name.lower() not in spelt:
        close = difflib.get_close_matches(name.lower(), spelt, n=3, cutoff=0.5)
        hint = ", ".join(spelt[match] for match in close) or ", ".join(sorted(constructors))
        raise SettingError(
            f"encoder must name a network of keras.applications, such as: {hint}. "
            f"Received: {name!r}"
        )
    found = spelt[name.lower()]
    # Each network stands in one module with the preprocessing that belongs to it.
    module: Any = inspect.getmodule(constructors[found])
    return Network(found, _SIZES.get(found, _USUAL_SIZE), module.preprocess_input)


def _constructors() -> dict[str, Any]:
    return dict(inspect.getmembers(keras.applications, inspect.isfunction))
