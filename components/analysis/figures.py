"""Figures of photos with titles and captions."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from components.artifacts.manifest import Photo
from components.captioning.encoder.images import load_photo
from components.errors import DataError
from components.storage.transfer import path_or_content

# Thumbnail size in pixels: sharp enough for the size of a photo in the figure.
_LONGEST_SIDE = 400
# In inches: column width, largest photo width and height, line height, and space between rows.
_COLUMN, _WIDTH, _HEIGHT, _LINE, _SPACE = 3.6, 3.2, 2.7, 0.17, 0.2
# Maximum line lengths above and below a photo.
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
    """Draws a grid of photos, each with a title above and lines of text below.

    Args:
        photos: As in the manifest. If one can't be read, the reason is shown in its place.
        titles: One per photo.
        lines: The lines of each photo; long ones are wrapped.
        columns: Photos per row.

    Returns:
        A figure that is not registered with pyplot: a notebook shows it if it is a cell's value.

    Raises:
        ValueError: If the numbers of photos, titles and lists of lines differ.
    """
    cards = [
        _Card(photo, textwrap.fill(title, _TITLE_CHARACTERS), "\n".join(map(_bullet, texts)))
        for photo, title, texts in zip(photos, titles, lines, strict=True)
    ]
    rows = [cards[start : start + columns] for start in range(0, len(cards), columns)]
    # The height of each row's title (with padding), photo and text, in inches.
    heights = [
        (
            max(_LINE * (_line_count(card.title) + 0.5) for card in row),
            max(card.size[1] for card in row),
            max(_LINE * _line_count(card.text) for card in row),
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


def _bullet(text: str) -> str:
    return textwrap.fill(text, _TEXT_CHARACTERS, initial_indent="• ", subsequent_indent="  ")


def _line_count(text: str) -> int:
    return text.count("\n") + 1


def _draw(figure: Figure, card: _Card, left: float, top: float) -> None:
    """Draws a card; the upper left corner of its photo is at (left, top), in inches."""
    width, height = card.size
    figure_width, figure_height = figure.get_size_inches()
    gap = _LINE / 3

    def write(text: str, y: float, **style: Any) -> None:
        figure.text(left / figure_width, y / figure_height, text, parse_math=False, **style)

    write(card.title, top + gap, va="bottom", fontsize=10, weight="bold")
    write(card.text, top - height - gap, va="top", fontsize=9)
    try:
        square = load_photo(path_or_content(card.photo.uri), _LONGEST_SIDE, named=card.photo.uri)
    except DataError as error:
        write(textwrap.fill(str(error), _TEXT_CHARACTERS), top - height / 2, fontsize=8)
        return
    axes = figure.add_axes(
        (
            left / figure_width,
            (top - height) / figure_height,
            width / figure_width,
            height / figure_height,
        )
    )
    # Restores the photo's aspect ratio, which `load_photo` changed to a square.
    axes.imshow(square, aspect="auto")
    axes.set_axis_off()
