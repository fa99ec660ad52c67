"""Places for things whose order from left to right is known."""

from collections.abc import Iterator, Mapping, Sequence

from pipeline.picture.items import Item, Wire

_FAR = 1_000_000


def bend(places: Mapping[str, int], wires: Sequence[Wire]) -> int:
    """Returns how far wires go aside, by their weights."""
    return sum(wire.weight * abs(places[wire.upper] - places[wire.lower]) for wire in wires)


def place(order: Sequence[Item], wires: Sequence[Wire]) -> dict[str, int]:
    """Places things so that nothing collides, and wires are straight where that can be.

    All begin as far left as may be. Then each in turn goes right above or below one that it is
    wired to, or as near as it can, alone or with all that are right above and below it. It pushes
    aside what is in its way. That goes on as long as it makes the wires straighter.

    Args:
        order: The things from left to right.
        wires: Between them.

    Returns:
        The middle of each, in pixels.
    """
    count = len(order)
    index = {item.key: number for number, item in enumerate(order)}
    ends = [(index[wire.upper], index[wire.lower], wire.weight) for wire in wires]
    wired = [{a + b - i for a, b, _ in ends if i in (a, b)} for i in range(count)]
    # For each thing those to its left and right that it could collide with, and how far they are.
    near = [[(j, order[i].apart(order[j])) for j in range(count)] for i in range(count)]
    left = [[(j, apart) for j, apart in near[i][:i] if apart] for i in range(count)]
    right = [[(j, apart) for j, apart in near[i][i + 1 :] if apart] for i in range(count)]

    def moved(moving: Sequence[int], by: int) -> list[int]:
        tried = [middle + by * (i in moving) for i, middle in enumerate(places)]
        if by > 0:
            for i in range(count):
                tried[i] = max([tried[i], *(tried[j] + apart for j, apart in left[i])])
        else:
            for i in reversed(range(count)):
                tried[i] = min([tried[i], *(tried[j] - apart for j, apart in right[i])])
        return tried

    def moves(i: int) -> Iterator[list[int]]:
        column = [j for j in range(count) if places[j] == places[i]]
        first = max((places[j] + apart for j, apart in left[i]), default=-_FAR)
        last = min((places[j] - apart for j, apart in right[i]), default=_FAR)
        goals = {places[j] for j in wired[i]}
        for goal in sorted(goals | {min(max(goal, first), last) for goal in goals}):
            yield from (moved(moving, goal - places[i]) for moving in ([i], column))

    def bent(places: Sequence[int]) -> int:
        return sum(weight * abs(places[a] - places[b]) for a, b, weight in ends)

    places = [0] * count
    places = moved([], 1)
    improved = True
    while improved:
        improved = False
        for i in range(count):
            best = min(moves(i), key=bent, default=places)
            if bent(best) < bent(places):
                places, improved = best, True
    return {item.key: middle for item, middle in zip(order, places, strict=True)}
