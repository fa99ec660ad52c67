"""The page highlights where the model looked, word by word, in a browser of this machine."""

from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import expect

from components.captioning.inference.saliency import WordSaliency

# Opacity of the overlay over each cell of the photo, 0 to 255.
OPACITY = """() => {
  const canvas = document.querySelector("canvas");
  const {width, height} = canvas;
  const {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
  return Array.from({length: height}, (_, row) =>
    Array.from({length: width}, (_, column) => data[4 * (row * width + column) + 3]));
}"""


def test_words_highlight_where_the_model_looked(page: Any, service: Any, photos: Path) -> None:
    page.get_by_label("Choose a photo").set_input_files(photos / "first.jpg")
    words = page.get_by_role("region", name="Where the model looked").get_by_role("button")
    expected = _saliency(service, photos / "first.jpg")
    expect(words).to_have_count(len(expected))
    for button, each in zip(words.all(), expected, strict=True):
        named = f"{each.word}: {each.place}" if each.place else each.word
        expect(button).to_have_accessible_name(named)
    canvas, first, last = page.locator("canvas"), words.first, words.last
    expect(canvas).to_be_hidden()
    # With the keyboard too; one word at a time, and none when it is chosen again.
    first.focus()
    page.keyboard.press("Enter")
    expect(first).to_have_attribute("aria-pressed", "true")
    assert page.evaluate(OPACITY) == _opacity(expected[0])
    assert canvas.bounding_box() == page.locator("#preview").bounding_box()
    last.click()
    expect(first).to_have_attribute("aria-pressed", "false")
    assert page.evaluate(OPACITY) == _opacity(expected[-1])
    last.click()
    expect(canvas).to_be_hidden()
    last.click()
    page.get_by_label("Choose a photo").set_input_files(photos / "notes.txt")
    expect(words).to_have_count(0)
    expect(canvas).to_be_hidden()


def _saliency(service: Any, photo: Path) -> list[WordSaliency]:
    captioner = service.queue.model.result()
    found: list[WordSaliency] = captioner.saliency(
        captioner.load(photo), service.captions(photo)[0]
    )
    assert len(found) > 1
    return found


def _opacity(saliency: WordSaliency) -> list[list[int]]:
    cells = saliency.cells.astype(float).round(2)
    most = cells.max() if saliency.place else 1
    opacity: list[list[int]] = np.round(200 * (1 - cells / most)).tolist()
    return opacity
