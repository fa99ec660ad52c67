from itertools import permutations

from pipeline.picture.columns import arrange
from pipeline.picture.graph import Group
from pipeline.picture.items import GAP, PAD, Item, Wire
from pipeline.picture.places import place


def _wire(upper: str, lower: str, layer: int, weight: int = 1) -> Wire:
    return Wire(f"{upper}-{lower}", upper, lower, layer, weight)


def test_place_puts_neighbours_side_by_side_and_a_follower_below() -> None:
    a, b, c = Item("a", 100, 0, 0), Item("b", 60, 0, 0), Item("c", 80, 1, 1)
    places = place([a, b, c], [_wire("b", "c", 0)])
    # Halves of 100 and 60, and the gap.
    assert places["b"] - places["a"] == 50 + 30 + GAP == 108
    assert places["c"] == places["b"]


def test_place_keeps_what_is_beside_a_frame_out_of_it() -> None:
    inside, outside = Group("g", "", 0, 1), Group("h", "", 1, 1)
    held = Item("held", 100, 1, 1, (inside, outside))
    # In the frame's first layer, where `held` is not.
    beside = Item("beside", 40, 0, 0)
    places = place([held, beside], [_wire("beside", "held", 0)])
    # The inner frame is not in that layer, but it stands in the outer one, and pads it.
    assert places["beside"] - places["held"] == 50 + 20 + GAP + 2 * PAD


def test_place_straightens_the_heavier_wire() -> None:
    top, left, right = Item("top", 20, 0, 0), Item("left", 20, 1, 1), Item("right", 20, 1, 1)
    for heavy in ("left", "right"):
        wires = [_wire("top", low, 0, 8 if low == heavy else 1) for low in ("left", "right")]
        places = place([left, top, right], wires)
        assert places["top"] == places[heavy]


def test_arrange_finds_an_order_without_crossings() -> None:
    # Whatever order they come in: a-A, b-B and c-C, in pairs one above the other.
    tops = [Item(key, 20, 0, 0) for key in "abc"]
    wires = [_wire(key, key.upper(), 0) for key in "abc"]
    for keys in permutations("ABC"):
        places = arrange([*tops, *(Item(key, 20, 1, 1) for key in keys)], wires, {})
        assert all(places[key] == places[key.upper()] for key in "abc"), keys


def test_arrange_keeps_the_things_of_a_frame_together() -> None:
    frame = Group("g", "", 1, 1)
    top = Item("top", 20, 0, 0)
    held = [Item(key, 20, 1, 1, (frame,)) for key in ("one", "two")]
    alone = Item("alone", 20, 1, 1)
    # Its wire is the heaviest, so it would be best off in the middle.
    wires = [_wire("top", "one", 0), _wire("top", "two", 0), _wire("top", "alone", 0, 9)]
    places = arrange([top, *held, alone], wires, {})
    between = sorted((places["one"], places["two"]))
    assert not between[0] < places["alone"] < between[1]


def test_arrange_counts_from_left_to_right() -> None:
    top = Item("0", 20, 0, 0)
    row = [Item(key, 20, 1, 1) for key in "1234"]
    places = arrange([top, *row], [_wire("0", key, 0) for key in "1234"], {})
    assert sorted("1234", key=lambda key: places[key]) == list("1234")
    assert min(places.values()) == 10


def test_arrange_puts_a_head_where_there_is_room() -> None:
    frame = Group("g", "", 0, 1)
    top = Item("top", 20, 0, 0, (frame,))
    row = [Item(key, 20, 1, 1, (frame,)) for key in ("left", "right")]
    head = Item("g", 20, 0, 0, (frame,))
    for below in ("left", "right"):
        places = arrange([top, *row], [_wire("top", below, 0)], {"g": head})
        assert places["top"] == places[below]
        # Above the one that nothing is above.
        assert (places["g"] > places["top"]) is (below == "left")
        assert abs(places["g"] - places["top"]) == 20 + GAP
