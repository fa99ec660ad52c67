"""The report in a real browser, on a desktop and on a phone."""

from pathlib import Path
from typing import Any

import pytest
from report_pages import SCORES

from components.artifacts.report import fill_places
from components.evaluate.gallery import RankedCaption
from components.evaluate.mistakes import MistakeKind
from components.evaluate.records import Data, Training
from components.evaluate.report import Section, render_report

_LONG = "antidisestablishmentarianism" * 3
_EPOCH = {"word_loss": 3.123, "dev_word_loss": 2.5, "learning_rate": 2e-3, "seconds": 1041.26}
# A photo of one pixel.
_PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBADs="
_BLEU = {f"bleu{order}": 100.0 for order in range(1, 5)}
# Numbers of the most digits, and a long name.
_SCORES: dict[str, Any] = SCORES | {
    "bleu": _BLEU,
    "greedy": _BLEU,
    "cider_d": {"beam": 1000.0, "greedy": 900.0},
    "rouge_l": {"beam": 100.0, "greedy": 100.0},
    "signature": "nrefs:5|case:mixed|eff:no|tok:none|smooth:none|version:2.6.0",
    "coco_signature": "cider-d:n=4,sigma=6,df=these-references|rouge-l:beta=1.2|tok:none",
    "intervals": {"bleu4": [99.5, 100.0], "cider_d": [987.6, 1000.0]},
    "encoder": SCORES["encoder"] | {"network": _LONG},
}


@pytest.fixture
def report(tmp_path: Path) -> str:
    """The address of a report with long texts."""
    training = Training.model_validate(
        {
            "mlflow_run_id": "r" * 32, "best_epoch": 2, "history": [_EPOCH] * 3,
            "settings": {"max_words": 20, _LONG: _LONG},
        }
    )  # fmt: skip
    data = Data.model_validate(
        {
            "dataset_fingerprint": "d" * 64, "test_fingerprint": "f" * 64, "source": "csv",
            "photos": 8091, "captions": 40455, "splits": {"train": 6591, "test": 1500},
            "words": {"lengths": [0, 40455], "unspaced_share": 0.0},
            "counts": {"near_duplicates": 0}, "summary": [("photos", _LONG)],
        }
    )  # fmt: skip
    mistakes = [MistakeKind("colour", "has a wrong colour", 150, 0.1, [(_LONG, 80)], _LONG)]
    cards: list[tuple[RankedCaption, str | None]] = [
        (RankedCaption(f"{number}-{_LONG}.jpg", _LONG, (_LONG,), 43.2), _PIXEL)
        for number in range(4)
    ]
    page = render_report(_SCORES, training, data, mistakes, [Section("Best", "The best.", cards)])
    page = fill_places(
        page, {"model": _LONG, "failed": "Not released", "commit": "c" * 40, "command": _LONG}
    )
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("width", [390, 1280])
def test_report_is_never_wider_than_the_screen(width: int, report: str, browser: Any) -> None:
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.goto(report)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("table").count() == 4
    for table in page.locator("table").all():
        box = table.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
        # Nor is it cut by what is around it.
        assert table.evaluate("t => t.scrollWidth <= t.parentElement.clientWidth")


def test_report_shows_one_verdict_and_leads_to_its_sections(report: str, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(report)
    assert page.locator(".badge:visible").all_text_contents() == ["Not released"]
    page.get_by_role("navigation").get_by_role("link", name="Photos").click()
    assert page.get_by_role("heading", name="Photos").evaluate(
        "heading => Math.abs(heading.getBoundingClientRect().top) < innerHeight"
    )
    assert page.locator("img").first.evaluate("photo => photo.loading") == "lazy"
