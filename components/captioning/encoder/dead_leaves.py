"""Pictures that stand for photos where there are none: fallen leaves, each covering older ones.

Discs and rectangles of random colours and sizes, as many small ones as give a picture the same
statistics at each scale. That is the simplest model of what photos have in common: Lee, Mumford
and Huang, "Occlusion models for natural images", IJCV 41 (2001).
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

_LEAVES = 400
# Of a leaf's radius to the picture's side; between them radii lie as r^-3.
_SMALLEST, _LARGEST = 0.02, 0.5


def draw_dead_leaves(count: int, size: int, seed: int) -> NDArray[np.uint8]:
    """Draws pictures, each another.

    Args:
        count: How many.
        size: Their height and width, in pixels.
        seed: The same pictures for the same seed.

    Returns:
        uint8 [count, size, size, 3].
    """
    generator = np.random.default_rng(seed)
    return np.stack([_draw(size, generator) for _ in range(count)])


def _draw(size: int, generator: np.random.Generator) -> NDArray[np.uint8]:
    # The inverse of the distribution function of r^-3.
    share = generator.random(_LEAVES)
    small, large = _SMALLEST**-2, _LARGEST**-2
    radii = size * (small - share * (small - large)) ** -0.5
    places = generator.uniform(0, size, (_LEAVES, 2))
    colours = generator.integers(0, 256, (_LEAVES, 3))
    round_ones = generator.random(_LEAVES) < 0.5
    picture = Image.new("RGB", (size, size))
    pen = ImageDraw.Draw(picture)
    for radius, place, colour, is_round in zip(radii, places, colours, round_ones, strict=True):
        box = [*(place - radius), *(place + radius)]
        draw = pen.ellipse if is_round else pen.rectangle
        draw(box, fill=tuple(colour.tolist()))
    return np.asarray(picture)
