"""Draws scenes: outlined shapes with a soft shadow on a background with a colour gradient."""

import math
from dataclasses import replace
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from components.ingest.sample.scenes import Scene, Shape

#: Width and height in pixels: the input size of InceptionV3.
SIDE: Final = 299

# Shapes are drawn at this scale and downsampled, which anti-aliases their edges.
_SUPERSAMPLING: Final = 4

# Gradients from top to bottom, RGB.
_SHAPE_COLOURS: Final = {
    "red": ((228, 66, 74), (184, 20, 46)),
    "orange": ((255, 174, 78), (244, 128, 18)),
    "yellow": ((255, 238, 112), (250, 212, 32)),
    "green": ((98, 194, 108), (34, 136, 62)),
    "blue": ((88, 150, 242), (28, 84, 200)),
    "purple": ((172, 112, 218), (112, 52, 164)),
}
_BACKGROUND_COLOURS: Final = {
    "cream": ((255, 251, 238), (246, 232, 200)),
    "pink": ((255, 235, 241), (248, 204, 218)),
    "pale blue": ((236, 246, 255), (196, 221, 245)),
    "pale green": ((239, 251, 235), (202, 231, 197)),
}
_OUTLINE_COLOUR: Final = (58, 46, 72)
#: Blended over a shape's colour in screen mode for its light band.
_HIGHLIGHT: Final = (110, 110, 110)
#: Line width of outlines, relative to the picture's width; half of it is outside the shape.
_LINE_WIDTH: Final = 0.018
#: Margin around a shape for its outline and shadow, in pixels.
_MARGIN: Final = 16


def draw_scene(scene: Scene) -> Image.Image:
    """Draws a scene.

    Args:
        scene: The scene.

    Returns:
        An RGB picture of `SIDE` x `SIDE` pixels; the same scene gives the same pixels.
    """
    picture = _gradient((SIDE, SIDE), *_BACKGROUND_COLOURS[scene.background])
    # Larger shapes first, so that a shape inside another one is drawn on top of it.
    for shape in sorted(scene.shapes, key=lambda shape: -shape.radius):
        _draw_shape(picture, shape)
    return picture


def _draw_shape(picture: Image.Image, shape: Shape) -> None:
    # Only a window around the shape is drawn.
    half = math.ceil(SIDE * shape.radius * 1.1) + _MARGIN
    left, top = round(SIDE * shape.x) - half, round(SIDE * shape.y) - half
    outline = _outline(shape, left, top)
    window = (2 * half, 2 * half)
    line = SIDE * _LINE_WIDTH
    silhouette = _mask(window, outline, line)

    shadow = silhouette.filter(ImageFilter.GaussianBlur(5)).point(lambda value: value * 0.3)
    picture.paste(_OUTLINE_COLOUR, (left + 2, top + 6), shadow)
    picture.paste(_OUTLINE_COLOUR, (left, top), silhouette)
    fill = _gradient(window, *_SHAPE_COLOURS[shape.colour])
    highlight = ImageChops.screen(fill, Image.new("RGB", window, _HIGHLIGHT))
    # Inner bands repeat the outline, which makes the shape easier to recognise.
    picture.paste(fill, (left, top), _mask(window, outline, -line))
    for layer, scale in ((highlight, 0.74), (fill, 0.56)):
        smaller = _outline(replace(shape, radius=shape.radius * scale), left, top)
        picture.paste(layer, (left, top), _mask(window, smaller, line))


def _gradient(
    size: tuple[int, int], top: tuple[int, int, int], bottom: tuple[int, int, int]
) -> Image.Image:
    """Returns a vertical gradient between two RGB colours."""
    weights = Image.linear_gradient("L").resize(size)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), weights)


def _outline(shape: Shape, left: int, top: int) -> list[tuple[float, float]]:
    """Returns a shape's vertices in pixels, relative to a window's top left corner."""
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
        outline: Vertices in pixels.
        line: Width in pixels of a line along the outline. If positive, its outer half is added to
            the mask, which rounds the corners; if negative, its inner half is removed.
    """
    scaled = [(x * _SUPERSAMPLING, y * _SUPERSAMPLING) for x, y in outline]
    mask = Image.new("L", (size[0] * _SUPERSAMPLING, size[1] * _SUPERSAMPLING))
    draw = ImageDraw.Draw(mask)
    draw.polygon(scaled, fill=255)
    draw.line(
        scaled + scaled[:2],
        fill=255 if line > 0 else 0,
        width=round(abs(line) * _SUPERSAMPLING),
        joint="curve",
    )
    return mask.reduce(_SUPERSAMPLING)


def _angles(steps: int) -> list[float]:
    """Returns equally spaced angles of a full turn, in radians."""
    return [2 * math.pi * step / steps for step in range(steps)]


# The right lobe of a heart: an arc from the dip at the top to the start of the straight edge.
_LOBE: Final = [
    (0.44 + 0.46 * math.cos(angle), -0.28 + 0.46 * math.sin(angle))
    for angle in map(math.radians, range(-163, 45, 9))
]

#: Closed outlines centred at (0, 0), y downwards; their radius is about 1 with the line added.
_OUTLINES: Final = {
    "circle": [(0.9 * math.sin(t), 0.9 * math.cos(t)) for t in _angles(90)],
    "square": [(-0.76, -0.76), (0.76, -0.76), (0.76, 0.76), (-0.76, 0.76)],
    "star": [
        (radius * math.sin(t), -radius * math.cos(t))
        for t, radius in zip(_angles(10), (1.0, 0.46) * 5, strict=True)
    ],
    "heart": [*_LOBE, (0.0, 0.86), *((-x, y) for x, y in reversed(_LOBE))],
}
