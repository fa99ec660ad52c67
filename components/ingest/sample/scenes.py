"""Random scenes: which shapes, how many, how large and where."""

from dataclasses import dataclass
from typing import Final

import numpy as np

KINDS: Final = ("circle", "square", "star", "heart")
COLOURS: Final = ("red", "orange", "yellow", "green", "blue", "purple")
BACKGROUNDS: Final = ("cream", "pink", "pale blue", "pale green")

#: `single`: one shape, small or large. `row`: two or three equal shapes, side by side. `above`,
#: `beside` (to the left) and `inside`: the first of two shapes, relative to the second.
ARRANGEMENTS: Final = ("single", "row", "above", "beside", "inside")
_FREQUENCIES: Final = (0.46, 0.36, 0.06, 0.06, 0.06)

_RADII: Final = {"small": 0.16, "large": 0.34}


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape in a scene.

    Attributes:
        kind: One of `KINDS`.
        colour: One of `COLOURS`.
        size: `small` or `large`; `medium` if captions do not mention the size.
        x: Horizontal centre, from 0 (left) to 1 (right).
        y: Vertical centre, from 0 (top) to 1 (bottom).
        radius: Half the height, relative to the picture's height.
        tilt: Rotation in degrees, clockwise.
    """

    kind: str
    colour: str
    size: str
    x: float
    y: float
    radius: float
    tilt: float


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene.

    Attributes:
        background: One of `BACKGROUNDS`.
        arrangement: One of `ARRANGEMENTS`.
        shapes: In the order of the arrangement.
    """

    background: str
    arrangement: str
    shapes: tuple[Shape, ...]


def make_scene(random: np.random.Generator) -> Scene:
    """Generates one random scene.

    Args:
        random: Random generator.

    Returns:
        A scene whose shapes are inside the picture and do not overlap, unless one is inside the
        other.
    """
    arrangement = str(random.choice(ARRANGEMENTS, p=_FREQUENCIES))
    background = _pick(random, BACKGROUNDS)
    kind, colour = _pick(random, KINDS), _pick(random, COLOURS)
    if arrangement == "single":
        size = _pick(random, tuple(_RADII))
        shapes = [_shape(random, kind, colour, size, _RADII[size], 0.5, 0.5)]
    elif arrangement == "row":
        number = int(random.integers(2, 4))
        shapes = [
            _shape(random, kind, colour, "medium", 0.14, 0.5 + 0.32 * (i - (number - 1) / 2), 0.5)
            for i in range(number)
        ]
    else:
        other_kind = _pick(random, KINDS)
        other_colour = _pick(random, tuple(c for c in COLOURS if c != colour))
        if arrangement == "inside":
            shapes = [
                _shape(random, kind, colour, "small", 0.12, 0.5, 0.5),
                _shape(random, other_kind, other_colour, "large", 0.4, 0.5, 0.5),
            ]
        else:
            first, second = (0.5, 0.27), (0.5, 0.73)
            if arrangement == "beside":
                first, second = first[::-1], second[::-1]
            shapes = [
                _shape(random, kind, colour, "medium", 0.19, *first),
                _shape(random, other_kind, other_colour, "medium", 0.19, *second),
            ]
    return Scene(background, arrangement, tuple(shapes))


def _shape(
    random: np.random.Generator,
    kind: str,
    colour: str,
    size: str,
    radius: float,
    x: float,
    y: float,
) -> Shape:
    """Returns a shape with a little random noise in its position, size and rotation."""
    dx, dy = random.uniform(-0.015, 0.015, 2)
    scale, tilt = random.uniform(0.97, 1.03), random.uniform(-2, 2)
    return Shape(kind, colour, size, x + dx, y + dy, radius * scale, tilt)


def _pick(random: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(random.integers(len(options)))]
