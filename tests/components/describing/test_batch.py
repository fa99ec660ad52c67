import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage
from PIL import Image

from components.captioning.inference.captioner import Captioner
from components.describing import batch
from components.describing.batch import Outcome, caption_to_file
from components.describing.model import DecodeOptions, Model
from components.errors import SettingError

PROJECT = Path(__file__).parents[3]
ASKED = DecodeOptions(2, 0)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _edit(path: Path, photo: str, **changes: object) -> None:
    lines = _lines(path)
    next(line for line in lines if line["photo"] == photo).update(changes)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture(scope="module")
def expected(model: Model, photos: Path) -> list[str]:
    """What the model says of the grey photo, and of the red one."""
    return Captioner(model.directory).describe([photos / "more" / "grey.jpg", photos / "red.png"])


@pytest.fixture(scope="module")
def described(model: Model, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("described") / "captions.jsonl"
    caption_to_file([str(photos)], output, model, ASKED)
    return output


@pytest.fixture
def output(described: Path, tmp_path: Path) -> Path:
    """A copy of what was described once, for one test to go on with."""
    return Path(shutil.copy(described, tmp_path))


def test_caption_to_file_has_a_line_for_each_photo_in_order(
    described: Path, photos: Path, expected: list[str]
) -> None:
    broken, grey, red = _lines(described)
    assert [line["photo"] for line in (broken, grey, red)] == [
        f"{photos}/broken.jpg", f"{photos}/more/grey.jpg", f"{photos}/red.png",
    ]  # fmt: skip
    assert "can't be read as a photo" in broken["error"]
    assert [grey["caption"], red["caption"]] == expected
    assert list(red) == ["photo", "caption", "score", "content", "by"]
    assert (red["by"]["beam"], red["by"]["alternatives"]) == (2, 0)


def test_caption_to_file_of_all_done_loads_no_model(
    output: Path, model: Model, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(batch, "load_captioner")
    before = output.read_bytes()
    outcome = caption_to_file([str(photos)], output, model, ASKED)
    assert outcome == Outcome(3, 2, [_lines(output)[0]["error"]])
    assert output.read_bytes() == before


def test_caption_to_file_again_computes_only_what_is_new_or_changed(
    output: Path, model: Model, folder: Path, photos: Path, expected: list[str]
) -> None:
    # Of the folder's copy, and so that what is computed anew can be told from what is not.
    output.write_text(output.read_text().replace(str(photos), str(folder)))
    for name in ("red.png", "more/grey.jpg"):
        _edit(output, f"{folder}/{name}", caption="of before")
    shutil.copy(folder / "red.png", folder / "more" / "grey.jpg")
    shutil.copy(folder / "red.png", folder / "new.png")
    # Beside the photos, as people do.
    beside = Path(shutil.move(output, folder))
    outcome = caption_to_file([str(folder), f"{folder}/gone.jpg"], beside, model, ASKED)
    said = {Path(line["photo"]).name: line.get("caption") for line in _lines(beside)}
    assert said == {
        "broken.jpg": None, "gone.jpg": None, "grey.jpg": expected[1], "new.png": expected[1],
        "red.png": "of before",
    }  # fmt: skip
    assert (outcome.photos, outcome.before, len(outcome.errors)) == (5, 1, 2)


def test_caption_to_file_made_in_another_way_is_refused(
    output: Path, model: Model, photos: Path, tmp_path: Path
) -> None:
    before = output.read_bytes()
    with pytest.raises(SettingError, match=r"must be made alike: .*'beam': 2.* Received:.*: 3"):
        caption_to_file([str(photos)], output, model, DecodeOptions(3, 0))
    other = tmp_path / "other"
    other.mkdir()
    (other / "vocabulary.txt").write_text("other words")
    with pytest.raises(SettingError, match="must be made alike"):
        caption_to_file([str(photos)], output, Model("another", other), ASKED)
    assert output.read_bytes() == before


def test_caption_to_file_of_a_bucket_reads_only_what_changed(
    bucket: storage.Bucket, model: Model, photos: Path, tmp_path: Path, expected: list[str]
) -> None:
    for name in ("red.png", "broken.jpg"):
        bucket.blob(f"trip/{name}").upload_from_filename(photos / name)
    output = tmp_path / "captions.jsonl"
    outcome = caption_to_file(["gs://runs/trip"], output, model, ASKED)
    broken, red = _lines(output)
    assert outcome == Outcome(2, 0, [broken["error"]])
    assert red["photo"] == "gs://runs/trip/red.png"
    assert red["caption"] == expected[1]
    _edit(output, red["photo"], caption="of before")
    bucket.blob("trip/broken.jpg").upload_from_filename(photos / "more" / "grey.jpg")
    assert caption_to_file(["gs://runs/trip"], output, model, ASKED) == Outcome(2, 1, [])
    assert _lines(output)[1]["caption"] == "of before"


def test_caption_to_file_goes_on_after_it_was_killed(model: Model, tmp_path: Path) -> None:
    photos, output = tmp_path / "many", tmp_path / "captions.jsonl"
    photos.mkdir()
    for number in range(400):
        Image.new("RGB", (8, 8), (number % 256, number // 256, 0)).save(photos / f"{number}.bmp")
    command = [sys.executable, "-m", "pipeline.cli", "caption", photos, "-o", output]
    process = subprocess.Popen(
        [*command, "--bundle", model.directory], cwd=PROJECT,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while process.poll() is None and not (output.exists() and output.stat().st_size):
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    found = output.read_bytes().splitlines()
    assert 0 < len(found) < 400
    # And it was killed while it wrote the last of them.
    output.write_bytes(b"\n".join(found)[:-20])
    kept = json.loads(found[0])["photo"]
    rest = output.read_bytes().replace(b'"caption": "', b'"caption": "before ')
    output.write_bytes(rest)

    outcome = caption_to_file([str(photos)], output, model, ASKED)
    assert outcome == Outcome(400, len(found) - 1, [])
    lines = {line["photo"]: line["caption"] for line in _lines(output)}
    assert list(lines) == sorted(str(path) for path in photos.iterdir())
    assert lines[kept].startswith("before ")
    assert sum(caption.startswith("before ") for caption in lines.values()) == len(found) - 1
