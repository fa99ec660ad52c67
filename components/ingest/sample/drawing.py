"""Scenes as pictures: outlined shapes with a soft shadow on a softly lit background."""

import math
from dataclasses import replace
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from components.ingest.sample.scenes import Scene, Shape

#: Width and height in pixels: what InceptionV3 takes.
SIDE: Final = 299

# Outlines are drawn this much larger and then made small, which smooths their edges.
_OVERSAMPLING: Final = 4

# For each colour, how it looks at the top, in the light, and at the bottom.
_PAINTS: Final = {
    "red": ((228, 66, 74), (184, 20, 46)),
    "orange": ((255, 174, 78), (244, 128, 18)),
    "yellow": ((255, 238, 112), (250, 212, 32)),
    "green": ((98, 194, 108), (34, 136, 62)),
    "blue": ((88, 150, 242), (28, 84, 200)),
    "purple": ((172, 112, 218), (112, 52, 164)),
}
_BACKGROUNDS: Final = {
    "cream": ((255, 251, 238), (246, 232, 200)),
    "pink": ((255, 235, 241), (248, 204, 218)),
    "pale blue": ((236, 246, 255), (196, 221, 245)),
    "pale green": ((239, 251, 235), (202, 231, 197)),
}
_INK: Final = (58, 46, 72)
#: Screened over a paint, it gives the light band.
_LIGHT: Final = (110, 110, 110)
#: Width of outlines, where the picture's is 1; half of it lies outside the shape.
_LINE: Final = 0.018
#: Room around a shape for its outline and shadow, in pixels.
_MARGIN: Final = 16


def draw_scene(scene: Scene) -> Image.Image:
    """Draws a scene.

    Args:
        scene: What there is to see.

    Returns:
        An RGB picture of `SIDE` x `SIDE` pixels; the same scene gives the same pixels.
    """
    picture = _ramp((SIDE, SIDE), *_BACKGROUNDS[scene.background])
    # The larger first: what is inside another shape lies on top of it.
    for shape in sorted(scene.shapes, key=lambda shape: -shape.radius):
        _draw_shape(picture, shape)
    return picture


def _draw_shape(picture: Image.Image, shape: Shape) -> None:
    # Only a window around the shape is worked on.
    reach = math.ceil(SIDE * shape.radius * 1.1) + _MARGIN
    left, top = round(SIDE * shape.x) - reach, round(SIDE * shape.y) - reach
    outline = _outline(shape, left, top)
    window = (2 * reach, 2 * reach)
    line = SIDE * _LINE
    whole = _mask(window, outline, line)

    shadow = whole.filter(ImageFilter.GaussianBlur(5)).point(lambda value: value * 0.3)
    picture.paste(_INK, (left + 2, top + 6), shadow)
    picture.paste(_INK, (left, top), whole)
    paint = _ramp(window, *_PAINTS[shape.colour])
    light = ImageChops.screen(paint, Image.new("RGB", window, _LIGHT))
    # Bands within repeat the outline, which tells what shape it is.
    picture.paste(paint, (left, top), _mask(window, outline, -line))
    for layer, scale in ((light, 0.74), (paint, 0.56)):
        smaller = _outline(replace(shape, radius=shape.radius * scale), left, top)
        picture.paste(layer, (left, top), _mask(window, smaller, line))


def _ramp(
    size: tuple[int, int], top: tuple[int, int, int], bottom: tuple[int, int, int]
) -> Image.Image:
    """Returns a picture that goes from one colour at its top to another at its bottom."""
    ramp = Image.linear_gradient("L").resize(size)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), ramp)


def _outline(shape: Shape, left: int, top: int) -> list[tuple[float, float]]:
    """Returns a shape's corners in pixels, seen from a window's corner."""
    cos, sin = math.cos(math.radians(shape.tilt)), math.sin(math.radians(shape.tilt))
    return [
        (
            SIDE * (shape.x + shape.radius * (x * cos - y * sin)) - left,
            SIDE * (shape.y + shape.radius * (x * sin + y * cos)) - top,
        )
        for x, y in _OUTLINES[shape.kind]
    ]


def _mask(size: tuple[int, int], outline: list[tuple[float, float]], line: float) -> Image.Image:
    """Returns an 8-bit mask, 255 inside an outline.

    Args:
        size: The mask's width and height in pixels.
        outline: Corners in pixels.
        line: Width of a line along the outline in pixels: half of it is added to what is inside
            and rounds the corners; if negative, half of it is taken away.
    """
    large = [(x * _OVERSAMPLING, y * _OVERSAMPLING) for x, y in outline]
    mask = Image.new("L", (size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING))
    draw = ImageDraw.Draw(mask)
    draw.polygon(large, fill=255)
    draw.line(
        large + large[:2],
        fill=255 if line > 0 else 0,
        width=round(abs(line) * _OVERSAMPLING),
        joint="curve",
    )
    return mask.reduce(_OVERSAMPLING)


def _turn(steps: int) -> list[float]:
    return [2 * math.pi * step / steps for step in range(steps)]


# The right half of a heart's top: an arc from the dip to where a straight edge leaves for the tip.
_LOBE: Final = [
    (0.44 + 0.46 * math.cos(angle), -0.28 + 0.46 * math.sin(angle))
    for angle in map(math.radians, range(-163, 45, 9))
]

#: Closed outlines around (0, 0), y downwards, about 1 in radius once their edge is rounded.
_OUTLINES: Final = {
    "circle": [(0.9 * math.sin(t), 0.9 * math.cos(t)) for t in _turn(90)],
    "square": [(-0.76, -0.76), (0.76, -0.76), (0.76, 0.76), (-0.76, 0.76)],
    "star": [
        (radius * math.sin(t), -radius * math.cos(t))
        for t, radius in zip(_turn(10), (1.0, 0.46) * 5, strict=True)
    ],
    "heart": [*_LOBE, (0.0, 0.86), *((-x, y) for x, y in reversed(_LOBE))],
}
