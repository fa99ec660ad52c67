"""Photos with what is said of them, drawn as one figure."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from components.artifacts.manifest import Photo
from components.captioning.encoder.images import load_photo
from components.errors import DataError

# In pixels: sharp enough for the place that a photo has in the figure.
_LONGEST_SIDE = 400
# In inches: a column, the largest photo, a line of text, and the space between rows.
_COLUMN, _WIDTH, _HEIGHT, _LINE, _SPACE = 3.6, 3.2, 2.7, 0.17, 0.2
# How many characters fit above and below a photo.
_TITLE_CHARACTERS, _TEXT_CHARACTERS = 38, 48


@dataclass(frozen=True)
class _Card:
    photo: Photo
    title: str
    text: str

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the photo, in inches."""
        scale = min(_WIDTH / self.photo.width, _HEIGHT / self.photo.height)
        return scale * self.photo.width, scale * self.photo.height


def photo_grid(
    photos: Sequence[Photo],
    titles: Sequence[str],
    lines: Sequence[Sequence[str]],
    columns: int = 3,
) -> Figure:
    """Draws photos in rows, each with a title above it and lines of text below it.

    Args:
        photos: As in the manifest. One that can't be read leaves an empty place with the reason.
        titles: One a photo.
        lines: For each photo its lines; long ones are wrapped.
        columns: Photos in a row.

    Returns:
        A figure that pyplot does not know of: a notebook shows it where it is a cell's value.

    Raises:
        ValueError: If the number of photos differs from that of the titles or the texts.
    """
    cards = [
        _Card(photo, textwrap.fill(title, _TITLE_CHARACTERS), "\n".join(map(_item, texts)))
        for photo, title, texts in zip(photos, titles, lines, strict=True)
    ]
    rows = [cards[start : start + columns] for start in range(0, len(cards), columns)]
    # Of each row: its highest title with some air, photo and text, in inches.
    heights = [
        (
            max(_LINE * (_count(card.title) + 0.5) for card in row),
            max(card.size[1] for card in row),
            max(_LINE * _count(card.text) for card in row),
        )
        for row in rows
    ]
    top = sum(sum(height) + _SPACE for height in heights)
    figure = Figure(figsize=(_COLUMN * columns, top or _HEIGHT))
    for row, height in zip(rows, heights, strict=True):
        for column, card in enumerate(row):
            _draw(figure, card, left=_COLUMN * column, top=top - height[0])
        top -= sum(height) + _SPACE
    return figure


def _item(text: str) -> str:
    return textwrap.fill(text, _TEXT_CHARACTERS, initial_indent="• ", subsequent_indent="  ")


def _count(text: str) -> int:
    return text.count("\n") + 1


def _draw(figure: Figure, card: _Card, left: float, top: float) -> None:
    """Draws a card whose photo has its upper left corner at a place, in inches."""
    width, height = card.size
    wide, high = figure.get_size_inches()
    gap = _LINE / 3

    def write(text: str, y: float, **style: Any) -> None:
        figure.text(left / wide, y / high, text, parse_math=False, **style)

    write(card.title, top + gap, va="bottom", fontsize=10, weight="bold")
    write(card.text, top - height - gap, va="top", fontsize=9)
    try:
        square = load_photo(card.photo.uri, _LONGEST_SIDE)
    except DataError as error:
        write(textwrap.fill(str(error), _TEXT_CHARACTERS), top - height / 2, fontsize=8)
        return
    axes = figure.add_axes((left / wide, (top - height) / high, width / wide, height / high))
    # Back from the square to the photo's own ratio.
    axes.imshow(square, aspect="auto")
    axes.set_axis_off()
