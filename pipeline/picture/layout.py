"""Lays a graph out in layers from top to bottom.

An artifact leaves its step as one line. It goes straight down past the layers where nothing reads
it, and turns off to each step that does.
"""

from collections.abc import Iterator, Sequence

from pipeline.picture.columns import arrange
from pipeline.picture.graph import Bundle, Graph, Group, Link, Step
from pipeline.picture.items import PAD, Item
from pipeline.picture.rows import CHIP_HEIGHT, MARGIN, STEP_HEIGHT, Row, frame_edges, rows_of
from pipeline.picture.shapes import Arrow, Box, Drawing, FrameBox, StepBox
from pipeline.picture.wiring import (
    CHIP_GAP,
    chip_width,
    items_of,
    step_width,
    titles_of,
    wires_of,
)

# Between the tips of arrows, and from those to a step's corners.
_TIPS, _CORNER = 24, 18


def lay_out(graph: Graph) -> Drawing:
    """Returns where everything goes."""
    return _Layout(graph).drawing()


class _Layout:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._rows = rows_of(graph)
        self._width = step_width(graph)
        items, titles = list(items_of(graph)), titles_of(graph)
        middles = arrange(items, list(wires_of(graph)), titles)
        self._items = [*items, *titles.values()]
        left = min(middles[item.key] - _half(item) for item in self._items)
        self._middles = {key: middle - left + MARGIN for key, middle in middles.items()}
        # From left to right, where each bundle begins.
        self._starts = {key: x for step in graph.steps for key, x in self._begin(step)}
        self._steps = {step.key: self._step(step) for step in graph.steps}
        self._frames = {group.key: self._frame(group) for group in graph.groups}

    def drawing(self) -> Drawing:
        """Puts everything together."""
        right = max(self._middles[item.key] + _half(item) for item in self._items)
        arrows = [arrow for step in self._graph.steps for arrow in self._arrows(step)]
        return Drawing(
            width=right + MARGIN,
            height=self._rows[-1].bottom + MARGIN,
            frames=tuple(self._frames.values()),
            arrows=tuple(sorted(arrows, key=lambda arrow: arrow.kind != "light")),
            steps=tuple(self._steps.values()),
        )

    def _begin(self, step: Step) -> Iterator[tuple[str, int]]:
        def goal(bundle: Bundle) -> tuple[float, str]:
            goals = [to.key for _, to in bundle.links if not bundle.skips_to(to)]
            goals += [bundle.key] if bundle.key in self._middles else []
            return sum(self._middles[key] for key in goals) / len(goals), bundle.key

        bundles = sorted(self._graph.bundles_from(step), key=goal)
        widths = [chip_width(bundle.artifact) for bundle in bundles]
        left = self._middles[step.key] - (sum(widths) + CHIP_GAP * (len(widths) - 1)) // 2
        for bundle, width in zip(bundles, widths, strict=True):
            yield bundle.key, left + width // 2
            left += width + CHIP_GAP

    def _step(self, step: Step) -> StepBox:
        left, top = self._middles[step.key] - self._width // 2, self._rows[step.layer].top
        chips = [
            Box(
                self._starts[bundle.key] - chip_width(bundle.artifact) // 2,
                top + STEP_HEIGHT - CHIP_HEIGHT // 2,
                chip_width(bundle.artifact),
                CHIP_HEIGHT,
                bundle.artifact,
            )
            for bundle in self._graph.bundles_from(step)
            if bundle.artifact
        ]
        size = self._width, STEP_HEIGHT
        return StepBox(left, top, *size, step.title, step.accelerator, tuple(chips))

    def _frame(self, group: Group) -> FrameBox:
        held = [item for item in self._items if group in item.frames]
        left = min(self._middles[item.key] - _half(item, group) for item in held)
        right = max(self._middles[item.key] + _half(item, group) for item in held)
        top, bottom = frame_edges(self._graph, group, self._rows)
        title_right = self._middles[group.key] > self._middles[self._graph.first_in(group.key).key]
        return FrameBox(left, top, right - left, bottom - top, group.title, title_right)

    def _arrows(self, step: Step) -> Iterator[Arrow]:
        incoming = []
        for bundle in self._graph.bundles:
            far = bundle.skips_to(step)
            for link, to in bundle.links:
                if to is step:
                    x = self._middles[bundle.key] if far else self._starts[bundle.key]
                    incoming.append((x, bundle.key, bundle, link))
        incoming.sort(key=lambda one: one[:2])
        tips = self._tips(step, [x for x, *_ in incoming])
        for tip, (_, _, bundle, link) in zip(tips, incoming, strict=True):
            yield self._arrow(bundle, link, step, tip)

    def _tips(self, step: Step, wanted: Sequence[int]) -> list[int]:
        # Right below where the lines come from, where that is above the step and leaves room.
        first = self._steps[step.key].left + _CORNER
        last = self._steps[step.key].right - _CORNER
        apart = min(_TIPS, (last - first) // max(1, len(wanted) - 1))
        tips: list[int] = []
        for x in wanted:
            tips.append(max([x, first, *(tip + apart for tip in tips[-1:])]))
        after = last + apart
        for index in reversed(range(len(tips))):
            after = tips[index] = min(tips[index], after - apart)
        return tips

    def _arrow(self, bundle: Bundle, link: Link, step: Step, tip: int) -> Arrow:
        x, source = self._starts[bundle.key], self._steps[bundle.source.key]
        y = source.bottom + (CHIP_HEIGHT // 2 if bundle.artifact else 0)
        path = f"M{x} {y}"
        if bundle.skips_to(step):
            path += _turn(x, self._middles[bundle.key], self._rows[bundle.source.layer])
            x = self._middles[bundle.key]
        path += _turn(x, tip, self._rows[step.layer - 1])
        target = self._frames.get(link.target) or self._steps[link.target]
        kind, text = "control", f"{source.text} → {target.text}"
        if bundle.artifact:
            is_detour = (link.source, link.target) in self._graph.detours
            kind, text = "light" if is_detour else "plain", f"{bundle.artifact}: {text}"
        return Arrow(f"{path}V{target.top}", (tip, target.top), kind, text)


def _half(item: Item, group: Group | None = None) -> int:
    # Half the width of an item with the frames around it, up to a group's.
    frames = len(item.frames) - (item.frames.index(group) if group else 0)
    return item.width // 2 + PAD * frames


def _turn(x: int, to: int, row: Row) -> str:
    # Down, and in a curve to another column.
    if x == to:
        return ""
    half = (row.bottom + row.turned) // 2
    return f"V{row.bottom}C{x} {half} {to} {half} {to} {row.turned}"
