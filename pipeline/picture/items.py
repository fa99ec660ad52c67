"""The things that the picture puts side by side, and the lines between them."""

from dataclasses import dataclass

from pipeline.picture.graph import Group

#: In pixels: between neighbours, and between a frame and what it holds.
GAP, PAD = 28, 18


@dataclass(frozen=True)
class Item:
    """A thing that stands in one layer, or goes through several.

    Attributes:
        key: What it is called.
        width: In pixels, an even number.
        first: The first layer that it is in.
        last: The last one.
        frames: The groups that it stands in, outer ones first.
    """

    key: str
    width: int
    first: int
    last: int
    frames: tuple[Group, ...] = ()

    def meets(self, other: "Item | Group") -> bool:
        """Tells whether there is a layer that both are in."""
        return self.first <= other.last and other.first <= self.last

    def apart(self, other: "Item") -> int:
        """Returns how far apart the middles of two must be; 0 if they can't collide."""
        frames = self._borders(other) + other._borders(self)
        if not frames and not self.meets(other):
            return 0
        return (self.width + other.width) // 2 + GAP + PAD * frames

    def _borders(self, other: "Item") -> int:
        # How many frames end between the two, on this one's side.
        for index, frame in enumerate(self.frames):
            if frame not in other.frames and other.meets(frame):
                return len(self.frames) - index
        return 0


@dataclass(frozen=True)
class Wire:
    """A line from a thing to another, one layer further.

    Attributes:
        bundle: Lines of the same bundle may cross: they carry the same.
        upper: The key of the item that it begins at.
        lower: The key of the item that it ends at.
        layer: The layer that it begins in.
        weight: How much it counts that it is straight.
    """

    bundle: str
    upper: str
    lower: str
    layer: int
    weight: int
