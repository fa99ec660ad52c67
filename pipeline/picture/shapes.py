"""What a drawing is made of, in pixels from its left and upper edge."""

from dataclasses import dataclass

#: Sizes of text in pixels. The letters of a name take less than this part of it in any common font.
TITLE_SIZE, LABEL_SIZE = 16, 14
_LETTER = 0.62


def text_width(text: str, size: int) -> int:
    """Returns how much room a text needs at most; an even number."""
    return 2 * round(len(text) * size * _LETTER / 2)


@dataclass(frozen=True)
class Box:
    """A rectangle with a text.

    Attributes:
        left: Its left edge.
        top: Its upper edge.
        width: From left to right.
        height: From top to bottom.
        text: What it says.
    """

    left: int
    top: int
    width: int
    height: int
    text: str

    @property
    def middle(self) -> int:
        """Halfway from left to right."""
        return self.left + self.width // 2

    @property
    def right(self) -> int:
        """The right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The lower edge."""
        return self.top + self.height


@dataclass(frozen=True)
class StepBox(Box):
    """A step.

    Attributes:
        accelerator: `GPU` or `TPU`, if it asks for one.
        chips: The artifacts that it hands on, at its lower edge.
    """

    accelerator: str
    chips: tuple[Box, ...]


@dataclass(frozen=True)
class FrameBox(Box):
    """A frame around steps.

    Attributes:
        title_right: Whether its text is at its right end.
    """

    title_right: bool


@dataclass(frozen=True)
class Arrow:
    """An arrow; at its end it points down.

    Attributes:
        path: From its start, in SVG's words.
        tip: Where it ends, (x, y).
        kind: `plain`; `light` if artifacts also join the two by way of other steps; `control` if no
            artifact passes.
        text: What it says when pointed at.
    """

    path: str
    tip: tuple[int, int]
    kind: str
    text: str


@dataclass(frozen=True)
class Drawing:
    """All that is drawn.

    Attributes:
        width: Of the whole.
        height: Of the whole.
        frames: Outer ones before inner ones.
        arrows: Those that matter less first.
        steps: In running order.
    """

    width: int
    height: int
    frames: tuple[FrameBox, ...]
    arrows: tuple[Arrow, ...]
    steps: tuple[StepBox, ...]
