"""Puts the layers of a graph below each other."""

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.picture.graph import Graph, Group, within

#: Around the whole; the height of a step, and of a chip, half of which hangs below its step.
MARGIN, STEP_HEIGHT, CHIP_HEIGHT = 20, 44, 24
# What a frame adds above and below; where lines turn between two layers.
_ROOF, _FLOOR, _TURN = 18, 16, 48


@dataclass(frozen=True)
class Row:
    """The edges of a layer.

    Attributes:
        top: The upper edge of its steps.
        floor: The lower edge of its steps and their chips.
        bottom: The lower edge of the frames that end in it.
        turned: Down to where the lines from it have turned.
    """

    top: int
    floor: int
    bottom: int
    turned: int


def rows_of(graph: Graph) -> list[Row]:
    """Returns a row for each layer."""
    rows = []
    top = MARGIN
    for layer in range(graph.steps[-1].layer + 1):
        top += _ROOF * _nested(group for group in graph.groups if group.first == layer)
        has_chips = any(b.artifact and b.source.layer == layer for b in graph.bundles)
        floor = top + STEP_HEIGHT + has_chips * CHIP_HEIGHT // 2
        bottom = floor + _FLOOR * _nested(group for group in graph.groups if group.last == layer)
        rows.append(Row(top, floor, bottom, bottom + _TURN))
        top = bottom + _TURN
    return rows


def frame_edges(graph: Graph, group: Group, rows: list[Row]) -> tuple[int, int]:
    """Returns the upper and lower edge of a group's frame."""
    inner = [one for one in graph.groups if within(one.key, group.key)]
    roofs = _nested(one for one in inner if one.first == group.first)
    floors = _nested(one for one in inner if one.last == group.last)
    return rows[group.first].top - _ROOF * roofs, rows[group.last].floor + _FLOOR * floors


def _nested(groups: Iterable[Group]) -> int:
    # How many of them stand in each other, at most.
    groups = list(groups)
    return max((sum(within(one.key, outer.key) for outer in groups) for one in groups), default=0)
