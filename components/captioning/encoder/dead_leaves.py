"""Synthetic images with the statistics of photos: the dead leaves model.

Discs and rectangles of random colours occlude each other; their sizes follow a power law that makes
the statistics of the image scale-invariant, like those of natural images (Lee, Mumford and Huang,
"Occlusion models for natural images", IJCV 41, 2001).
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

_LEAVES = 400
# Smallest and largest radius relative to the image's side; the density of radii is r^-3.
_SMALLEST, _LARGEST = 0.02, 0.5


def draw_dead_leaves(count: int, size: int, seed: int) -> NDArray[np.uint8]:
    """Draws random images.

    Args:
        count: Number of images.
        size: Their height and width, in pixels.
        seed: The same seed gives the same images.

    Returns:
        uint8 [count, size, size, 3].
    """
    generator = np.random.default_rng(seed)
    return np.stack([_draw(size, generator) for _ in range(count)])


def _draw(size: int, generator: np.random.Generator) -> NDArray[np.uint8]:
    # Inverse transform sampling of the density r^-3.
    quantiles = generator.random(_LEAVES)
    small, large = _SMALLEST**-2, _LARGEST**-2
    radii = size * (small - quantiles * (small - large)) ** -0.5
    centres = generator.uniform(0, size, (_LEAVES, 2))
    colours = generator.integers(0, 256, (_LEAVES, 3))
    are_discs = generator.random(_LEAVES) < 0.5
    image = Image.new("RGB", (size, size))
    canvas = ImageDraw.Draw(image)
    for radius, centre, colour, is_disc in zip(radii, centres, colours, are_discs, strict=True):
        box = [*(centre - radius), *(centre + radius)]
        draw = canvas.ellipse if is_disc else canvas.rectangle
        draw(box, fill=tuple(colour.tolist()))
    return np.asarray(image)
