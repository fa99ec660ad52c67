"""The page for everybody: labels, keyboard, contrast and small screens, in a browser."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

PHONE = {"width": 360, "height": 740}

# The contrast of each visible text with its background, as WCAG 2 defines it.
CONTRASTS = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = numbers(colour).map((c) => c / 255)
      .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if (numbers(colour)[3] !== 0) return colour;
    }
    throw new Error("nothing is behind it");
  };
  const found = {};
  [...document.querySelectorAll("body *")]
    .filter((e) => e.checkVisibility() && [...e.childNodes]
      .some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim()))
    .forEach((e) => {
      const [a, b] = [getComputedStyle(e).color, behind(e)].map(light).sort((x, y) => y - x);
      const text = e.textContent.trim();
      found[text] = Math.min(found[text] ?? Infinity, (a + 0.05) / (b + 0.05));
    });
  return found;
}"""


def test_page_has_a_title_a_label_and_a_live_region(page: Any) -> None:
    assert page.title() == "Describe a photo · captionflow"
    assert page.locator("html").get_attribute("lang") == "en"
    picker = page.get_by_label("Choose a photo")
    assert picker.get_attribute("type") == "file"
    expect(picker).to_have_accessible_description(
        "JPEG, PNG, WEBP, BMP or GIF, up to 64 MiB and 64 million pixels, no animations. "
        "Your photo stays on this computer and is not saved."
    )
    assert page.get_by_role("status").get_attribute("aria-live") == "polite"
    assert page.get_by_role("heading", level=1).count() == 1


def test_keyboard_alone_chooses_a_photo_and_reaches_read_aloud(
    page: Any, service: Any, photos: Path
) -> None:
    page.keyboard.press("Tab")
    picker = page.get_by_label("Choose a photo")
    expect(picker).to_be_focused()
    # The label shows the focus, since the input is transparent.
    expect(page.locator("label")).to_have_css("outline-style", "solid")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(photos / "first.jpg")
    expect(page.get_by_role("status")).to_have_text(service.captions(photos / "first.jpg")[0])
    # Three example photos, then the caption's own button.
    for _ in range(4):
        page.keyboard.press("Tab")
    aloud = page.get_by_role("button", name="Read aloud")
    expect(aloud).to_be_focused()
    expect(aloud).to_have_css("outline-style", "solid")


@pytest.mark.parametrize("page", [{"viewport": PHONE}], indirect=True, ids=["phone"])
def test_nothing_is_wider_than_a_phone(page: Any, service: Any, photos: Path) -> None:
    def too_wide() -> bool:
        return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))

    picker, status = page.get_by_label("Choose a photo"), page.get_by_role("status")
    assert not too_wide()
    picker.set_input_files(photos / "first.jpg")
    expect(status).to_have_text(service.captions(photos / "first.jpg")[0])
    assert not too_wide()
    # The highlighted photo is in sight of the word.
    page.get_by_role("region", name="Where the model looked").get_by_role("button").last.click()
    expect(page.locator("canvas")).to_be_in_viewport(ratio=0.99)
    # The photo does not cover a word that gets the focus by keyboard.
    for _ in range(2):
        page.keyboard.press("Shift+Tab")
        focused = page.locator("button:focus").bounding_box()
        assert focused["y"] >= page.locator("figure").bounding_box()["y"]
        on_top = "([x, y]) => document.elementFromPoint(x, y).closest('button') !== null"
        assert page.evaluate(on_top, [focused["x"] + 9, focused["y"] + 9])
    assert page.locator("canvas").bounding_box() == page.locator("#preview").bounding_box()
    assert not too_wide()
    picker.set_input_files(photos / "notes.txt")
    expect(status).to_contain_text("not an image")
    assert not too_wide()


@pytest.mark.parametrize(
    "page", [{"color_scheme": scheme} for scheme in ("light", "dark")],
    indirect=True, ids=["light", "dark"],
)  # fmt: skip
def test_all_text_has_enough_contrast(page: Any, service: Any, photos: Path) -> None:
    found = page.evaluate(CONTRASTS)
    picker, status = page.get_by_label("Choose a photo"), page.get_by_role("status")
    picker.set_input_files(photos / "first.jpg")
    expect(status).to_have_text(service.captions(photos / "first.jpg")[0])
    found |= page.evaluate(CONTRASTS)
    words = page.get_by_role("region", name="Where the model looked").get_by_role("button").all()
    for number, word in enumerate(words):
        word.click()
        found |= {f"{text}, {number}": r for text, r in page.evaluate(CONTRASTS).items()}
    picker.set_input_files(photos / "notes.txt")
    expect(status).to_contain_text("not an image")
    found |= page.evaluate(CONTRASTS)
    assert {"Read aloud", "Alternatives", "Choose a photo", "captionflow"} <= set(found)
    assert {text: ratio for text, ratio in found.items() if ratio < 4.5} == {}
