"""The page tells where the model looked, word by word, in a browser that is on this machine."""

from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import expect

from components.captioning.inference.saliency import WordSaliency

# How dark each part of the photo is made, of 255.
DARKNESS = """() => {
  const canvas = document.querySelector("canvas");
  const {width, height} = canvas;
  const {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
  return Array.from({length: height}, (_, row) =>
    Array.from({length: width}, (_, column) => data[4 * (row * width + column) + 3]));
}"""


def test_words_light_up_where_the_model_looked(page: Any, service: Any, photos: Path) -> None:
    page.get_by_label("Choose a photo").set_input_files(photos / "first.jpg")
    words = page.get_by_role("region", name="Where it looked").get_by_role("button")
    looks = _looks(service, photos / "first.jpg")
    expect(words).to_have_count(len(looks))
    for button, each in zip(words.all(), looks, strict=True):
        named = f"{each.word}: {each.place}" if each.place else each.word
        expect(button).to_have_accessible_name(named)
    canvas, first, last = page.locator("canvas"), words.first, words.last
    expect(canvas).to_be_hidden()
    # By keys too; a word at a time, and none when it is chosen again.
    first.focus()
    page.keyboard.press("Enter")
    expect(first).to_have_attribute("aria-pressed", "true")
    assert page.evaluate(DARKNESS) == _darkness(looks[0])
    assert canvas.bounding_box() == page.locator("#preview").bounding_box()
    last.click()
    expect(first).to_have_attribute("aria-pressed", "false")
    assert page.evaluate(DARKNESS) == _darkness(looks[-1])
    last.click()
    expect(canvas).to_be_hidden()
    last.click()
    page.get_by_label("Choose a photo").set_input_files(photos / "notes.txt")
    expect(words).to_have_count(0)
    expect(canvas).to_be_hidden()


def _looks(service: Any, photo: Path) -> list[WordSaliency]:
    captioner = service.queue.made.result()
    found: list[WordSaliency] = captioner.saliency(
        captioner.load(photo), service.captions(photo)[0]
    )
    assert len(found) > 1
    return found


def _darkness(look: WordSaliency) -> list[list[int]]:
    told = look.cells.astype(float).round(2)
    most = told.max() if look.place else 1
    darkness: list[list[int]] = np.round(200 * (1 - told / most)).tolist()
    return darkness
