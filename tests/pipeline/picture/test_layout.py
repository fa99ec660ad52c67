import re
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import pytest
from PIL import ImageFont

from pipeline.picture.graph import Graph, Group, Link, Step
from pipeline.picture.layout import lay_out
from pipeline.picture.shapes import LABEL_SIZE, TITLE_SIZE, Box, Drawing

# a -> b -> [d, if so: e -> [if more: f]], and from a on to e and f as well.
GRAPH = Graph(
    "example",
    (
        Step("a", "1 alpha", 0),
        Step("b", "2 beta", 1),
        Step("d", "3 delta with a long title", 2),
        Step("g/e", "4 epsilon", 2, "GPU"),
        Step("g/h/f", "5 phi", 3),
    ),
    (Group("g", "if so", 2, 3), Group("g/h", "if more", 3, 3)),
    (
        Link("a", "b", "data"),
        Link("a", "g/e", "data"),
        Link("a", "g/h/f", "data"),
        Link("a", "g/h/f", "facts"),
        Link("b", "d", "model"),
        Link("b", "g", None),
        Link("d", "g/h/f", "late"),
        Link("g/e", "g/h", None),
        Link("g/e", "g/h/f", "model"),
    ),
)


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    return lay_out(GRAPH)


def _start(path: str) -> tuple[int, int]:
    match = re.match(r"M(\d+) (\d+)", path)
    assert match
    return int(match[1]), int(match[2])


def _holds(outer: Box, inner: Box) -> bool:
    return (
        outer.left < inner.left
        and inner.right < outer.right
        and outer.top < inner.top
        and inner.bottom < outer.bottom
    )


def _apart(one: Box, other: Box) -> bool:
    return (
        one.right < other.left
        or other.right < one.left
        or one.bottom < other.top
        or other.bottom < one.top
    )


def test_layout_ends_each_arrow_on_the_box_that_it_leads_to(drawing: Drawing) -> None:
    boxes = {box.text: box for box in (*drawing.steps, *drawing.frames)}
    assert len(drawing.arrows) == len(GRAPH.links)
    for arrow in drawing.arrows:
        source, target = arrow.text.rpartition(": ")[2].split(" → ")
        x, y = arrow.tip
        assert boxes[target].left < x < boxes[target].right, arrow.text
        assert y == boxes[target].top, arrow.text
        assert arrow.path.endswith(f"V{y}")
        artifact = arrow.text.partition(": ")[0] if ": " in arrow.text else None
        start = next((c for c in boxes[source].chips if c.text == artifact), boxes[source])
        x, y = _start(arrow.path)
        assert start.left < x < start.right, arrow.text
        assert y == start.bottom, arrow.text


def test_layout_tips_don_t_touch(drawing: Drawing) -> None:
    # An arrow's tip is 9 pixels wide.
    for one, other in combinations(drawing.arrows, 2):
        if one.tip[1] == other.tip[1]:
            assert abs(one.tip[0] - other.tip[0]) > 9, (one.text, other.text)


def test_layout_puts_steps_in_layers_and_frames_around_them(drawing: Drawing) -> None:
    steps = dict(zip((step.key for step in GRAPH.steps), drawing.steps, strict=True))
    so, more = drawing.frames
    assert steps["a"].bottom < steps["b"].top
    assert steps["b"].bottom < steps["d"].top == steps["g/e"].top
    for one, other in combinations(drawing.steps, 2):
        assert _apart(one, other)
    assert _holds(so, more)
    assert _holds(so, steps["g/e"])
    assert _holds(more, steps["g/h/f"])
    for outside in ("a", "b", "d"):
        assert _apart(so, steps[outside])
    assert _apart(more, steps["g/e"])


def test_layout_keeps_all_on_the_paper(drawing: Drawing) -> None:
    paper = Box(0, 0, drawing.width, drawing.height, "")
    chips = [chip for step in drawing.steps for chip in step.chips]
    for box in (*drawing.steps, *drawing.frames, *chips):
        assert _holds(paper, box), box
    for arrow in drawing.arrows:
        xs = [int(x) for x in re.findall(r"[MC ](\d+) \d+", arrow.path)]
        assert all(0 < x < drawing.width for x in xs), arrow


def test_layout_marks_what_goes_other_ways_too(drawing: Drawing) -> None:
    kinds = {arrow.text: arrow.kind for arrow in drawing.arrows}
    assert kinds["data: 1 alpha → 2 beta"] == "plain"
    # Only a condition is in between.
    assert kinds["data: 1 alpha → 4 epsilon"] == "plain"
    assert kinds["data: 1 alpha → 5 phi"] == "light"
    assert kinds["2 beta → if so"] == "control"
    assert [step.text for step in drawing.steps if step.accelerator == "GPU"] == ["4 epsilon"]


def test_layout_of_one_step_alone() -> None:
    alone = lay_out(Graph("one", (Step("a", "a", 0),), (), ()))
    assert len(alone.steps) == 1
    assert alone.arrows == alone.frames == ()


def test_layout_gives_texts_the_room_they_need(drawing: Drawing) -> None:
    # DejaVu is the widest of the fonts that a system's own can be; Matplotlib brings it.
    fonts = Path(mpl.get_data_path()) / "fonts" / "ttf"
    bold = ImageFont.truetype(fonts / "DejaVuSans-Bold.ttf", TITLE_SIZE)
    plain = ImageFont.truetype(fonts / "DejaVuSans.ttf", LABEL_SIZE)
    for step in drawing.steps:
        assert bold.getlength(step.text) < step.width - 8, step.text
        for chip in step.chips:
            assert plain.getlength(chip.text) < chip.width - 8, chip.text
