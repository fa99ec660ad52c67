"""The page as people use it, in a browser of this machine."""

import base64
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

PHOTOS = Path(__file__).parents[4] / "notebooks" / "photos"
REAL = Path(__file__).parents[5] / "shared" / "flickr8k" / "Images"

# Dispatches the event of dropping or pasting a file.
DROP_OR_PASTE = """([kind, name, encoded]) => {
  const bytes = Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, {type: "image/jpeg"}));
  const options = {bubbles: true, cancelable: true};
  document.body.dispatchEvent(kind === "drop"
    ? new DragEvent("drop", {...options, dataTransfer: data})
    : new ClipboardEvent("paste", {...options, clipboardData: data}));
}"""


def test_photo_is_described_in_the_live_region_with_alternatives(
    page: Any, service: Any, photos: Path
) -> None:
    page.get_by_label("Choose a photo").set_input_files(photos / "first.jpg")
    best, *others = service.captions(photos / "first.jpg")
    expect(page.get_by_role("status")).to_have_text(best)
    expect(page.get_by_role("img", name="Your photo")).to_be_visible()
    lines = page.get_by_role("region", name="Alternatives").get_by_role("listitem")
    expect(lines).to_have_count(2)
    for line, caption in zip(lines.all(), others, strict=True):
        expect(line).to_contain_text(caption)
        assert float(line.locator("span").inner_text().replace("\N{MINUS SIGN}", "-")) < 0


def test_likely_caption_is_shown_with_its_confidence(page: Any, photos: Path) -> None:
    page.get_by_label("Choose a photo").set_input_files(photos / "first.jpg")
    expect(page.get_by_text("Likely (73\u202f%)")).to_be_visible()
    expect(page.locator("#doubt")).to_be_hidden()


def test_caption_that_the_model_is_not_sure_of_is_shown_and_read_as_such(
    page: Any, service: Any, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = service.queue.model.result().bundle
    far = bundle.calibration.model_copy(update={"min_familiarity": 1.0, "drawn_scenes": True})
    monkeypatch.setattr(bundle, "calibration", far)
    page.get_by_label("Choose a photo").set_input_files(photos / "first.jpg")
    sentence = f"Not sure what this shows. It may be: {service.captions(photos / 'first.jpg')[0]}"
    expect(page.get_by_role("status")).to_have_text(sentence)
    expect(page.get_by_text("Not sure (73\u202f%)")).to_be_visible()
    expect(page.get_by_text("trained on drawn scenes only")).to_be_visible()
    page.get_by_role("button", name="Read aloud").click()
    # The page's own words in English, the model's in the language of its captions.
    (own_language, own), (language, caption) = page.evaluate("window.spoken")
    assert (own_language, language, own + caption) == ("en", "zh", sentence)


@pytest.mark.skipif(not REAL.exists(), reason="needs ../shared/flickr8k")
def test_real_photo_is_described(page: Any, service: Any) -> None:
    photo = sorted(REAL.glob("*.jpg"))[0]
    page.get_by_label("Choose a photo").set_input_files(photo)
    expect(page.get_by_role("status")).to_have_text(service.captions(photo)[0])
    expect(page.get_by_role("img", name="Your photo")).to_be_visible()
    assert page.get_by_role("img", name="Your photo").evaluate("e => e.naturalWidth") == 224


def test_example_photo_is_described_by_keyboard(page: Any, service: Any) -> None:
    examples = page.get_by_role("group", name="Or try one of these photos").get_by_role("button")
    expect(examples).to_have_text(["circle in heart", "grace hopper", "hearts"])
    for image in examples.locator("img").all():
        expect(image).not_to_have_js_property("naturalWidth", 0)
    page.get_by_role("button", name="hearts").press("Enter")
    expect(page.get_by_role("status")).to_have_text(service.captions(PHOTOS / "hearts.jpg")[0])
    expect(page.get_by_role("img", name="Your photo")).to_be_visible()
    expect(page.locator("#name")).to_have_text("hearts.jpg")


def test_example_photo_that_the_service_does_not_have_is_an_error(page: Any) -> None:
    # As after a restart without example photos: the answer is no photo.
    page.evaluate("describeExample('gone.jpg')")
    status = page.get_by_role("status")
    expect(status).to_contain_text("gone.jpg (HTTP 404)")
    expect(page.locator("#answer")).to_have_attribute("data-state", "failed")
    expect(page.get_by_role("img", name="Your photo")).to_be_hidden()


def test_text_file_is_an_error_and_the_next_photo_is_described(
    page: Any, service: Any, photos: Path
) -> None:
    picker, status = page.get_by_label("Choose a photo"), page.get_by_role("status")
    picker.set_input_files(photos / "first.jpg")
    expect(status).to_have_text(service.captions(photos / "first.jpg")[0])
    picker.set_input_files(photos / "notes.txt")
    expect(status).to_have_text(
        "notes.txt can't be read as a photo: the content is not an image of a known format "
        "(JPEG, PNG, WEBP, BMP, GIF)"
    )
    expect(page.get_by_role("img", name="Your photo")).to_be_hidden()
    expect(page.get_by_role("listitem")).to_have_count(0)
    picker.set_input_files(photos / "second.jpg")
    expect(status).to_have_text(service.captions(photos / "second.jpg")[0])
    expect(page.get_by_role("img", name="Your photo")).to_be_visible()


def test_caption_is_read_aloud_until_stopped_or_another_photo_is_chosen(
    page: Any, service: Any, photos: Path
) -> None:
    picker, status = page.get_by_label("Choose a photo"), page.get_by_role("status")
    read, stop = (page.get_by_role("button", name=name) for name in ("Read aloud", "Stop"))
    picker.set_input_files(photos / "first.jpg")
    (first, second) = (service.captions(photos / f"{name}.jpg")[0] for name in ("first", "second"))
    expect(status).to_have_text(first)
    assert page.evaluate("spoken") == []
    read.click()
    expect(stop).to_be_visible()
    stop.click()
    expect(read).to_be_visible()
    read.click()
    expect(stop).to_be_visible()
    picker.set_input_files(photos / "second.jpg")
    expect(status).to_have_text(second)
    read.click()
    assert page.evaluate("spoken") == [["zh", first], ["zh", first], ["zh", second]]
    assert status.locator("span").get_attribute("lang") == "zh"


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_photo_can_be_dropped_or_pasted(page: Any, service: Any, photos: Path, kind: str) -> None:
    content = base64.b64encode((photos / "second.jpg").read_bytes()).decode()
    page.evaluate(DROP_OR_PASTE, [kind, "second.jpg", content])
    expect(page.get_by_role("status")).to_have_text(service.captions(photos / "second.jpg")[0])


def test_file_that_is_too_large_is_refused_before_it_is_sent(page: Any, photos: Path) -> None:
    large = photos / "large.jpg"
    with large.open("wb") as file:
        file.truncate((64 << 20) + 1)
    sent: list[Any] = []
    page.on("request", lambda request: sent.append(request))
    page.get_by_label("Choose a photo").set_input_files(large)
    expect(page.get_by_role("status")).to_have_text(
        "large.jpg can't be read as a photo: its file must not be larger than 64 MiB"
    )
    assert sent == []
