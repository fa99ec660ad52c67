"""Finds an order from left to right in which few lines cross, and places where they hardly bend.

Each thing has one place from left to right for all the layers that it is in, so whatever passes a
layer does so in a straight line. All of it is integer arithmetic: the same on every machine.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from pipeline.picture.items import Item, Wire
from pipeline.picture.places import bend, place


def arrange(
    items: Sequence[Item], wires: Sequence[Wire], heads: Mapping[str, Item]
) -> dict[str, int]:
    """Places things side by side.

    1. Sifting: each item in turn goes where it does best in the order from left to right, as long
       as that helps. What counts is first what stands between the things of a frame, then
       crossings, then how far wires go aside: by the order, and at last in pixels, which takes
       longer to know.
    2. Of that order and its mirror image, the one that is more like the order of `items`.
    3. The heads go to the right or the left ends of their frames, where they need less room.

    Args:
        items: In an order in which those of a frame stand together.
        wires: Between them.
        heads: For a frame's key what stands at an end of it in its first layer, without wires.

    Returns:
        The middle of each item and head, in pixels from the left edge of the leftmost.
    """
    order = list(items)
    for in_pixels in (False, True):
        order = _sifted(order, items, wires, in_pixels=in_pixels)
    rank = {item.key: index for index, item in enumerate(items)}
    backwards = sum(
        1 if rank[left.key] > rank[right.key] else -1
        for left, right in combinations(order, 2)
        if left.first == left.last == right.first == right.last
    )
    if backwards > 0:
        order.reverse()
    placed = [_with_heads(order, wires, heads, at_the_right=side) for side in (True, False)]
    everything = (*items, *heads.values())
    return min(placed, key=lambda at: max(at[item.key] + item.width // 2 for item in everything))


def _sifted(
    order: list[Item], items: Sequence[Item], wires: Sequence[Wire], *, in_pixels: bool
) -> list[Item]:
    def aside(order: Sequence[Item]) -> int:
        if in_pixels:
            return bend(place(order, wires), wires)
        return bend({item.key: index for index, item in enumerate(order)}, wires)

    disorder, least = _disorder(order, wires), aside(order)
    improved = True
    while improved:
        improved = False
        for item in items:
            for tried in _moves(order, item):
                found = _disorder(tried, wires)
                if found < disorder or (found == disorder and aside(tried) < least):
                    order, disorder, least, improved = tried, found, aside(tried), True
    return order


def _moves(order: Sequence[Item], item: Item) -> Iterator[list[Item]]:
    rest = [other for other in order if other is not item]
    return ([*rest[:index], item, *rest[index:]] for index in range(len(order)))


def _disorder(order: Sequence[Item], wires: Sequence[Wire]) -> tuple[int, int]:
    # How often something stands between the things of a frame, and how many wires cross.
    index = {item.key: number for number, item in enumerate(order)}
    torn = 0
    for frame in {frame for item in order for frame in item.frames}:
        inside = [index[item.key] for item in order if frame in item.frames]
        torn += sum(
            min(inside) < index[item.key] < max(inside)
            for item in order
            if frame not in item.frames and item.meets(frame)
        )
    crossings = sum(
        one.layer == other.layer
        and one.bundle != other.bundle
        and (index[one.upper] - index[other.upper]) * (index[one.lower] - index[other.lower]) < 0
        for one, other in combinations(wires, 2)
    )
    return torn, crossings


def _with_heads(
    order: Sequence[Item], wires: Sequence[Wire], heads: Mapping[str, Item], *, at_the_right: bool
) -> dict[str, int]:
    order, wires = list(order), list(wires)
    for key, head in heads.items():
        inside = [item for item in order if any(frame.key == key for frame in item.frames)]
        beside = [item for item in inside if item.meets(head)][-1 if at_the_right else 0]
        end = order.index(inside[-1]) + 1 if at_the_right else order.index(inside[0])
        order.insert(end, head)
        wires.append(Wire(head.key, head.key, beside.key, head.first, 1))
    places = place(order, wires)
    left = min(places[item.key] - item.width // 2 for item in order)
    return {key: middle - left for key, middle in places.items()}
