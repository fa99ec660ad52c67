import base64
import io
import logging
from pathlib import Path

import pytest
from PIL import Image

from components.artifacts.manifest import Photo
from components.captioning.metrics.bleu import sentence_bleu
from components.evaluate.gallery import RankedCaption, pick_captions, rank_captions, thumbnail


def test_rank_captions_from_best_to_worst() -> None:
    references = [("a brown dog runs fast",)] * 3
    ranked = rank_captions(
        ["1.jpg", "2.jpg", "3.jpg"],
        ["a brown dog sits there", "two cats", "a brown dog runs fast"],
        references,
    )
    assert [item.image_id for item in ranked] == ["3.jpg", "1.jpg", "2.jpg"]
    assert ranked[0].score == pytest.approx(100)
    assert ranked[1] == RankedCaption(
        "1.jpg",
        "a brown dog sits there",
        references[0],
        sentence_bleu("a brown dog sits there", references[0]),
    )


def test_rank_captions_orders_ties_by_image_id() -> None:
    ranked = rank_captions(["c", "a", "b"], ["a dog"] * 3, [("a dog",)] * 3)
    assert [item.image_id for item in ranked] == ["a", "b", "c"]


def _pick(count: int, most: int) -> list[list[int]]:
    ranked = [RankedCaption(str(index), "", (), 0.0) for index in range(count)]
    picks = pick_captions(ranked, most)
    groups = (picks.best, picks.median, picks.worst)
    return [[int(item.image_id) for item in group] for group in groups]


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [
        (1, 12, [[0], [], []]),
        (2, 12, [[0], [], [1]]),
        (3, 12, [[0], [1], [2]]),
        (8, 12, [[0, 1], [3, 4], [7, 6]]),
        (9, 12, [[0, 1, 2], [3, 4, 5], [8, 7, 6]]),
        (11, 1, [[0], [5], [10]]),
        (10, 2, [[0, 1], [4, 5], [9, 8]]),
    ],
)
def test_pick_captions_of_rankings_of_several_lengths(
    count: int, most: int, expected: list[list[int]]
) -> None:
    assert _pick(count, most) == expected


def test_pick_captions_has_at_most_twelve_per_group() -> None:
    picks = pick_captions([RankedCaption(str(index), "", (), 0.0) for index in range(500)])
    assert [item.image_id for item in picks.median] == [str(index) for index in range(244, 256)]
    assert [len(picks.best), len(picks.worst)] == [12, 12]


def _photo(uri: Path, width: int, height: int) -> Photo:
    return Photo("1.jpg", str(uri), "0" * 64, width, height, "test", ("A dog.",))


def _opened(uri: str | None) -> Image.Image:
    assert uri is not None
    head, _, data = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_thumbnail_is_small_and_keeps_the_aspect_ratio(tmp_path: Path) -> None:
    path = tmp_path / "1.jpg"
    image = Image.new("RGB", (1200, 900), "red")
    image.paste("blue", (600, 0, 1200, 900))
    image.save(path)
    small = _opened(thumbnail(_photo(path, 1200, 900)))
    assert (small.format, small.size) == ("JPEG", (320, 240))
    red, _, blue = small.getpixel((10, 120))
    assert red > 240 and blue < 15
    red, _, blue = small.getpixel((310, 120))
    assert red < 15 and blue > 240


def test_thumbnail_is_upright(tmp_path: Path) -> None:
    path = tmp_path / "1.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees for display: 80 wide, 160 high
    Image.new("RGB", (160, 80), "red").save(path, exif=exif)
    assert _opened(thumbnail(_photo(path, 80, 160))).size == (160, 320)


def test_thumbnail_has_no_metadata(tmp_path: Path) -> None:
    path = tmp_path / "1.jpg"
    exif = Image.Exif()
    exif[0x010E] = "where we live"
    Image.new("RGB", (80, 80), "red").save(path, exif=exif)
    assert not _opened(thumbnail(_photo(path, 80, 80))).getexif()


def test_thumbnail_of_a_very_narrow_photo_is_at_least_one_pixel_wide(tmp_path: Path) -> None:
    path = tmp_path / "1.png"
    Image.new("RGB", (1, 2000), "red").save(path)
    assert _opened(thumbnail(_photo(path, 1, 2000))).size == (1, 320)


def test_thumbnail_of_a_missing_or_invalid_file_is_none_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not an image")
    with caplog.at_level(logging.WARNING):
        assert thumbnail(_photo(tmp_path / "gone.jpg", 4, 3)) is None
        assert thumbnail(_photo(broken, 4, 3)) is None
    assert "has no thumbnail of 1.jpg" in caplog.text
    assert "gone.jpg" in caplog.text
    assert "broken.jpg" in caplog.text


def test_thumbnail_of_a_photo_not_in_the_manifest_is_none() -> None:
    assert thumbnail(None) is None
