"""Tells what of a graph stands side by side, and how it is wired from layer to layer."""

from collections.abc import Iterator

from pipeline.picture.graph import Graph, within
from pipeline.picture.items import Item, Wire
from pipeline.picture.shapes import LABEL_SIZE, TITLE_SIZE, text_width

#: Between the chips under a step, and beside them.
CHIP_GAP = 8
# Beside the text of a chip and of a step; a line that passes a layer, or begins without a chip.
_CHIP_PAD, _STEP_PAD, _LINE, _START = 10, 16, 8, 16
#: The badge of a step with an accelerator.
BADGE_WIDTH = 38
# How much it counts that lines are straight: those that show what comes next, and others.
_NEXT, _OTHER = 8, 1


def chip_width(artifact: str | None) -> int:
    """Returns the width of an artifact's chip, or of the start of a line without one."""
    return text_width(artifact, LABEL_SIZE) + 2 * _CHIP_PAD if artifact else _START


def step_width(graph: Graph) -> int:
    """Returns the width of all steps: what the widest needs for its title and its chips."""
    widths = []
    for step in graph.steps:
        # The title is in the middle: what is at its right needs the same at its left.
        badge = 2 * BADGE_WIDTH if step.accelerator else 0
        widths.append(text_width(step.title, TITLE_SIZE) + 2 * _STEP_PAD + badge)
        chips = [chip_width(b.artifact) + CHIP_GAP for b in graph.bundles_from(step)]
        widths.append(sum(chips) + CHIP_GAP)
    return max(widths)


def items_of(graph: Graph) -> Iterator[Item]:
    """Yields the steps in running order, then the bundles that pass a layer."""
    width = step_width(graph)
    for step in graph.steps:
        yield _item(graph, step.key, width, step.layer, step.layer, step.key)
    for bundle in graph.bundles:
        first = bundle.source.layer + 1
        if bundle.last > first:
            far = [step.key for _, step in bundle.links if bundle.skips_to(step)]
            yield _item(graph, bundle.key, _LINE, first, bundle.last - 1, *far)


def titles_of(graph: Graph) -> dict[str, Item]:
    """Returns the groups' titles, by the groups' keys, which are theirs as well."""
    return {
        group.key: _item(
            graph,
            group.key,
            text_width(group.title, LABEL_SIZE),
            group.first,
            group.first,
            group.key,
        )
        for group in graph.groups
    }


def wires_of(graph: Graph) -> Iterator[Wire]:
    """Yields the lines: to a step from the one that it follows, or from the bundle beside that."""
    for bundle in graph.bundles:
        first = bundle.source.layer + 1
        if bundle.last > first:
            yield Wire(bundle.key, bundle.source.key, bundle.key, first - 1, _OTHER)
        for layer in range(first, bundle.last - 1):
            yield Wire(bundle.key, bundle.key, bundle.key, layer, 0)
        for link, step in bundle.links:
            far = bundle.skips_to(step)
            weight = _OTHER if far or (link.source, link.target) in graph.detours else _NEXT
            upper = bundle.key if far else bundle.source.key
            yield Wire(bundle.key, upper, step.key, step.layer - 1, weight)


def _item(graph: Graph, key: str, width: int, first: int, last: int, *held: str) -> Item:
    # The frames around all of `held`, where they are beside the item.
    frames = tuple(
        group
        for group in graph.groups
        if group.first <= last
        and first <= group.last
        and all(within(one, group.key) for one in held)
    )
    return Item(key, width, first, last, frames)
