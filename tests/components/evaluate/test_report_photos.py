"""The photos that the report shows with their captions."""

from pathlib import Path

import pytest
from PIL import Image
from report_pages import CARD, page_of

from components.artifacts.manifest import Photo
from components.captioning.model.normalizer import NORMALIZER
from components.evaluate.gallery import Picks, RankedCaption
from components.evaluate.report import gallery_sections


def test_render_report_shows_photo_with_its_captions() -> None:
    page = page_of(CARD)
    assert page.all("img") == [
        {
            "class": "thumbnail", "loading": "lazy", "decoding": "async",
            "src": CARD[1], "alt": "a dog",
        }
    ]  # fmt: skip
    assert "Best 1 The highest scores" in page.words
    assert "a dog a brown dog one dog BLEU 43.2 1.jpg" in page.words


def test_render_report_explains_how_photos_were_selected() -> None:
    words = page_of(CARD).words
    assert "selected automatically. All 1,500 captions of the beam search were ranked" in words


def test_render_report_without_a_thumbnail_shows_a_placeholder() -> None:
    page = page_of((CARD[0], None))
    assert page.all("img") == []
    assert "The photo could not be read a dog a brown dog" in page.words


def test_render_report_labels_empty_captions() -> None:
    page = page_of((RankedCaption("1.jpg", "", ("a dog",), 0.0), CARD[1]))
    assert page.all("img")[0]["alt"] == "(empty caption)"


@pytest.mark.parametrize(("images", "titles"), [(2, ["Best", "Median"]), (0, ["Best"])])
def test_gallery_sections_omits_empty_groups(images: int, titles: list[str]) -> None:
    median = [CARD[0]] * images
    sections = gallery_sections(Picks([CARD[0]], median, []), {}, str)
    assert [section.title for section in sections] == titles


def test_gallery_sections_looks_up_photos_by_image_id(tmp_path: Path) -> None:
    path = tmp_path / "1.jpg"
    Image.new("RGB", (8, 8)).save(path)
    photo = Photo("1.jpg", str(path), "0" * 64, 8, 8, "test", ("A dog.",))
    other = RankedCaption("2.jpg", "a cat", ("a cat",), 100.0)
    sections = gallery_sections(Picks([], [], [CARD[0], other]), {"1.jpg": photo}, str)
    thumbnails = [thumbnail for _, thumbnail in sections[0].cards]
    assert thumbnails[0] is not None
    assert thumbnails[0].startswith("data:image/jpeg;base64,")
    assert thumbnails[1] is None


def test_gallery_sections_show_captions_as_people_write_them() -> None:
    ranked = RankedCaption("1.jpg", "\u72d7 \u8dd1", ("\u72d7 \u5728 \u8dd1",), 50.0)
    (section,) = gallery_sections(Picks([ranked], [], []), {}, NORMALIZER.detokenize)
    ((card, _),) = section.cards
    assert card == RankedCaption("1.jpg", "\u72d7\u8dd1", ("\u72d7\u5728\u8dd1",), 50.0)
