from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.ingest.sample.dataset import draw_sample
from components.ingest.sample.drawing import SIDE, draw_scene
from components.ingest.sample.grammar import CAPTIONS, describe_scene
from components.ingest.sample.scenes import (
    ARRANGEMENTS,
    BACKGROUNDS,
    COLOURS,
    KINDS,
    Scene,
    Shape,
    make_scene,
)


def _shape(kind: str, colour: str, size: str = "medium", x: float = 0.5) -> Shape:
    return Shape(kind, colour, size, x, 0.5, 0.15, 0.0)


def _words(scene: Scene, seeds: int = 30) -> list[str]:
    # Captions of many seeds, so that every template is used.
    return [
        caption.lower().removesuffix(".")
        for seed in range(seeds)
        for caption in describe_scene(scene, np.random.default_rng(seed))
    ]


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [make_scene(np.random.default_rng([0, index])) for index in range(400)]


def test_draw_sample_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first = draw_sample(tmp_path / "first", scenes=6, seed=3)
    second = draw_sample(tmp_path / "second", scenes=8, seed=3)
    # A larger sample begins with the smaller one.
    assert dict(list(second.captions.items())[:6]) == first.captions
    for name, path in first.images.items():
        assert path.read_bytes() == second.images[name].read_bytes()
    other = draw_sample(tmp_path / "other", scenes=6, seed=4)
    assert other.captions != first.captions


def test_draw_sample_has_five_captions_per_photo(tmp_path: Path) -> None:
    source = draw_sample(tmp_path / "sample", scenes=30, seed=0)
    assert source.layout == "sample"
    assert source.splits.lists == {}
    assert source.captions.keys() == source.images.keys()
    assert len(source.images) == 30
    for captions in source.captions.values():
        assert len(set(captions)) == len(captions) == CAPTIONS == 5
    contents = {path.read_bytes() for path in source.images.values()}
    assert len(contents) == 30
    with Image.open(source.images["scene-00000.jpg"]) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (SIDE, SIDE))


def test_make_scene_generates_every_shape_arrangement_and_background(scenes: list[Scene]) -> None:
    assert {scene.arrangement for scene in scenes} == set(ARRANGEMENTS)
    assert {scene.background for scene in scenes} == set(BACKGROUNDS)
    shapes = [shape for scene in scenes for shape in scene.shapes]
    assert {(shape.kind, shape.colour) for shape in shapes} == {
        (kind, colour) for kind in KINDS for colour in COLOURS
    }
    assert Counter(len(scene.shapes) for scene in scenes).keys() == {1, 2, 3}


def test_make_scene_positions_match_the_arrangement(scenes: list[Scene]) -> None:
    for scene in scenes:
        first, last = scene.shapes[0], scene.shapes[-1]
        for shape in scene.shapes:
            assert shape.radius < shape.x < 1 - shape.radius
            assert shape.radius < shape.y < 1 - shape.radius
        if scene.arrangement == "above":
            assert first.y + first.radius < last.y - last.radius
        elif scene.arrangement == "beside":
            assert first.x + first.radius < last.x - last.radius
        elif scene.arrangement == "inside":
            assert np.hypot(first.x - last.x, first.y - last.y) + first.radius < 0.5 * last.radius
        elif scene.arrangement == "row":
            assert len({(shape.kind, shape.colour) for shape in scene.shapes}) == 1
            for left, right in zip(scene.shapes, scene.shapes[1:], strict=False):
                assert left.x + left.radius < right.x - right.radius


def test_draw_scene_has_the_colours_of_its_shapes() -> None:
    scene = Scene(
        "cream", "beside", (_shape("circle", "red", x=0.25), _shape("star", "blue", x=0.75))
    )
    picture = draw_scene(scene)
    assert picture.size == (SIDE, SIDE)
    red, green, blue = picture.getpixel((SIDE // 4, SIDE // 2))
    assert red > 2 * max(green, blue)
    red, green, blue = picture.getpixel((3 * SIDE // 4, SIDE // 2))
    assert blue > 1.5 * max(red, green)
    assert min(picture.getpixel((4, 4))) > 230


@pytest.mark.parametrize("kind", KINDS)
def test_draw_scene_shape_is_within_its_radius(kind: str) -> None:
    picture = np.asarray(draw_scene(Scene("cream", "single", (_shape(kind, "blue"),))))
    rows, columns = np.nonzero(picture[..., 0] < 150)
    for positions in (rows, columns):
        assert 0.33 * SIDE < positions.min() < 0.40 * SIDE
        assert 0.58 * SIDE < positions.max() < 0.67 * SIDE


def test_describe_scene_single() -> None:
    scene = Scene("pale blue", "single", (_shape("star", "orange", "large"),))
    captions = _words(scene)
    assert all("orange star" in caption for caption in captions)
    assert "a large orange star on a pale blue background" in captions
    assert "a single orange star against a pale blue background" in captions
    assert not any("small" in caption or "little" in caption for caption in captions)


def test_describe_scene_article_before_a_vowel() -> None:
    scene = Scene("cream", "beside", (_shape("star", "orange"), _shape("heart", "red")))
    captions = _words(scene)
    assert any("an orange star" in caption for caption in captions)
    assert not any("a orange" in caption for caption in captions)


@pytest.mark.parametrize(("number", "word"), [(2, "two"), (3, "three")])
def test_describe_scene_row(number: int, word: str) -> None:
    captions = _words(Scene("pink", "row", (_shape("heart", "green"),) * number))
    assert all(f"{word} green hearts" in caption for caption in captions)
    assert f"{word} green hearts in a row on a pink background" in captions


def test_describe_scene_relations_are_true() -> None:
    shapes = (_shape("circle", "red", "small"), _shape("square", "blue", "large"))
    expected = {
        "above": {
            "there is a red circle above a blue square",
            "a blue square below a red circle on pink paper",
        },
        "beside": {
            "a red circle to the left of a blue square",
            "a blue square to the right of a red circle",
        },
        "inside": {
            "a small red circle inside a large blue square",
            "a big blue square with a little red circle inside",
        },
    }
    for arrangement, sentences in expected.items():
        captions = _words(Scene("pink", arrangement, shapes))
        assert sentences <= set(captions)
        assert all("red circle" in caption and "blue square" in caption for caption in captions)


def test_describe_scene_returns_well_formed_sentences() -> None:
    scene = Scene("pink", "single", (_shape("star", "red", "small"),))
    for caption in describe_scene(scene, np.random.default_rng(0)):
        assert caption[0].isupper()
        assert caption.endswith(".")
        assert "  " not in caption
        assert "{" not in caption


def test_sample_vocabulary_is_small(scenes: list[Scene]) -> None:
    words = Counter(
        word
        for index, scene in enumerate(scenes)
        for caption in describe_scene(scene, np.random.default_rng(index))
        for word in caption.lower().removesuffix(".").split()
    )
    assert 50 <= len(words) <= 90
    # Each occurs often enough to be learned.
    assert min(words.values()) >= 10
