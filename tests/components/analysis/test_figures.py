import io
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from components.analysis.figures import photo_grid
from components.artifacts.manifest import Photo


def _photo(path: Path, width: int, height: int, colour: str = "teal") -> Photo:
    Image.new("RGB", (width, height), colour).save(path)
    return Photo(path.name, str(path), "0" * 64, width, height, "test", ("A dog.",))


def _texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def _pixels(figure: Figure) -> np.ndarray:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=50)
    return np.asarray(Image.open(file).convert("RGB"))


def test_photo_grid_keeps_aspect_ratios(tmp_path: Path) -> None:
    photos = [_photo(tmp_path / "wide.png", 80, 40), _photo(tmp_path / "high.png", 30, 60)]
    figure = photo_grid(photos, ["wide", "high"], [["a"], ["b"]])
    assert len(figure.axes) == 2
    for axes, ratio in zip(figure.axes, (2.0, 0.5), strict=True):
        box = axes.get_window_extent()
        assert box.width / box.height == pytest.approx(ratio)
    teal = (_pixels(figure) == (0, 128, 128)).all(axis=2)
    # 3.2 x 1.6 and 1.35 x 2.7 inches at 50 dots per inch, except blurred edges.
    assert teal.sum() == pytest.approx((3.2 * 1.6 + 1.35 * 2.7) * 50**2, rel=0.05)


def test_photo_grid_writes_titles_and_wrapped_lines(tmp_path: Path) -> None:
    photo = _photo(tmp_path / "1.png", 40, 40)
    long = "a small brown dog that runs after a large white ball"
    # Dollar signs must not be parsed as math.
    figure = photo_grid([photo], ["costs $5 or $6"], [[long, "a dog"]])
    assert _texts(figure) == [
        "costs $5 or $6",
        "• a small brown dog that runs after a large\n  white ball\n• a dog",
    ]
    _pixels(figure)


def test_photo_grid_rows_do_not_overlap(tmp_path: Path) -> None:
    photos = [_photo(tmp_path / f"{index}.png", 40, 30) for index in range(3)]
    lines = [["line"] * count for count in (1, 9, 3)]
    figure = photo_grid(photos, ["one", "two", "three"], lines, columns=2)
    _pixels(figure)
    boxes = [text.get_window_extent() for text in figure.texts]
    boxes += [axes.get_window_extent() for axes in figure.axes]
    assert len(boxes) == 9
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1


def test_photo_grid_shows_why_a_photo_cannot_be_read(tmp_path: Path) -> None:
    valid, broken = (_photo(tmp_path / f"{name}.png", 40, 30) for name in ("valid", "broken"))
    Path(broken.uri).write_bytes(b"no picture")
    figure = photo_grid([broken, valid], ["one", "two"], [[], []])
    assert len(figure.axes) == 1
    assert any("can't be read as a photo" in text.replace("\n", " ") for text in _texts(figure))


def test_photo_grid_without_photos_is_empty() -> None:
    assert not photo_grid([], [], []).axes


def test_photo_grid_with_a_missing_title_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shorter"):
        photo_grid([_photo(tmp_path / "1.png", 4, 3)], [], [["a"]])
