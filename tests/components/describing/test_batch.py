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

from components.artifacts.checksums import write_checksums
from components.captioning.inference.captioner import Captioner
from components.describing import batch
from components.describing.batch import Outcome, caption_to_file
from components.describing.model import DecodeOptions, Model
from components.drift.kept_features import list_kept
from components.errors import SettingError

PROJECT = Path(__file__).parents[3]
OPTIONS = DecodeOptions(2, 0)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _edit(path: Path, photo: str, **changes: object) -> None:
    lines = _lines(path)
    next(line for line in lines if line["photo"] == photo).update(changes)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture(scope="module")
def expected(model: Model, photos: Path) -> list[str]:
    """Captions of the grey photo and the red one."""
    return Captioner(model.directory).describe([photos / "more" / "grey.jpg", photos / "red.png"])


@pytest.fixture(scope="module")
def described(model: Model, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("described") / "captions.jsonl"
    caption_to_file([str(photos)], output, model, OPTIONS)
    return output


@pytest.fixture
def output(described: Path, tmp_path: Path) -> Path:
    """A copy of a finished output file, for a test to continue."""
    return Path(shutil.copy(described, tmp_path))


def test_caption_to_file_writes_a_line_for_each_photo_in_order(
    described: Path, photos: Path, expected: list[str]
) -> None:
    broken, grey, red = _lines(described)
    assert [line["photo"] for line in (broken, grey, red)] == [
        f"{photos}/broken.jpg", f"{photos}/more/grey.jpg", f"{photos}/red.png",
    ]  # fmt: skip
    assert "can't be read as a photo" in broken["error"]
    assert [grey["caption"], red["caption"]] == expected
    assert list(red) == [
        "photo",
        "caption",
        "score",
        "confidence",
        "certainty",
        "checksum",
        "provenance",
    ]
    provenance = red["provenance"]
    assert (provenance["beam_width"], provenance["alternatives"]) == (2, 0)


def test_caption_to_file_with_all_photos_done_loads_no_model(
    output: Path, model: Model, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(batch, "load_captioner")
    before = output.read_bytes()
    outcome = caption_to_file([str(photos)], output, model, OPTIONS)
    assert outcome == Outcome(3, 2, [_lines(output)[0]["error"]])
    assert output.read_bytes() == before


def test_caption_to_file_again_captions_only_new_and_changed_photos(
    output: Path, model: Model, folder: Path, photos: Path, expected: list[str]
) -> None:
    # The lines of the folder's copy, marked to distinguish old captions from new ones.
    output.write_text(output.read_text().replace(str(photos), str(folder)))
    for name in ("red.png", "more/grey.jpg"):
        _edit(output, f"{folder}/{name}", caption="of before")
    shutil.copy(folder / "red.png", folder / "more" / "grey.jpg")
    shutil.copy(folder / "red.png", folder / "new.png")
    # In the folder of the photos, where people put it.
    beside = Path(shutil.move(output, folder))
    outcome = caption_to_file([str(folder), f"{folder}/gone.jpg"], beside, model, OPTIONS)
    captions = {Path(line["photo"]).name: line.get("caption") for line in _lines(beside)}
    assert captions == {
        "broken.jpg": None, "gone.jpg": None, "grey.jpg": expected[1], "new.png": expected[1],
        "red.png": "of before",
    }  # fmt: skip
    assert (outcome.photos, outcome.already_done, len(outcome.errors)) == (5, 1, 2)


def test_caption_to_file_with_other_options_or_another_model_is_refused(
    output: Path, model: Model, photos: Path, tmp_path: Path
) -> None:
    before = output.read_bytes()
    with pytest.raises(
        SettingError, match=r"one model .*'beam_width': 2.* Received:.*'beam_width': 3"
    ):
        caption_to_file([str(photos)], output, model, DecodeOptions(3, 0))
    other = tmp_path / "other"
    other.mkdir()
    (other / "vocabulary.txt").write_text("other words")
    write_checksums(other)
    with pytest.raises(SettingError, match="one model with the same --beam"):
        caption_to_file([str(photos)], output, Model("another", other), OPTIONS)
    assert output.read_bytes() == before


def test_caption_to_file_by_workers_that_share_nothing_is_refused(
    model: Model, photos: Path, tmp_path: Path
) -> None:
    flags = "--runner=FlinkRunner --temp_location=gs://runs/temp"
    with pytest.raises(SettingError, match=r"must not have --temp_location.*gs://runs/temp"):
        caption_to_file(
            [str(photos)], tmp_path / "captions.jsonl", model, OPTIONS, beam_flags=flags
        )


def test_caption_to_file_of_a_bucket_captions_only_changed_photos(
    bucket: storage.Bucket, model: Model, photos: Path, tmp_path: Path, expected: list[str]
) -> None:
    for name in ("red.png", "broken.jpg"):
        bucket.blob(f"trip/{name}").upload_from_filename(photos / name)
    output = tmp_path / "captions.jsonl"
    outcome = caption_to_file(["gs://runs/trip"], output, model, OPTIONS)
    broken, red = _lines(output)
    assert outcome == Outcome(2, 0, [broken["error"]])
    assert red["photo"] == "gs://runs/trip/red.png"
    assert red["caption"] == expected[1]
    _edit(output, red["photo"], caption="of before")
    bucket.blob("trip/broken.jpg").upload_from_filename(photos / "more" / "grey.jpg")
    assert caption_to_file(["gs://runs/trip"], output, model, OPTIONS) == Outcome(2, 1, [])
    assert _lines(output)[1]["caption"] == "of before"


def test_caption_to_file_resumes_after_it_was_killed(model: Model, tmp_path: Path) -> None:
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
    # As if it was killed while it wrote the last line.
    output.write_bytes(b"\n".join(found)[:-20])
    first = json.loads(found[0])["photo"]
    rest = output.read_bytes().replace(b'"caption": "', b'"caption": "before ')
    output.write_bytes(rest)

    outcome = caption_to_file([str(photos)], output, model, OPTIONS)
    assert outcome == Outcome(400, len(found) - 1, [])
    lines = {line["photo"]: line["caption"] for line in _lines(output)}
    assert list(lines) == sorted(str(path) for path in photos.iterdir())
    assert lines[first].startswith("before ")
    assert sum(caption.startswith("before ") for caption in lines.values()) == len(found) - 1


def test_caption_to_file_keeps_the_features_of_newly_described_photos(
    model: Model, folder: Path, tmp_path: Path
) -> None:
    kept, output = str(tmp_path / "kept"), tmp_path / "captions.jsonl"
    caption_to_file([str(folder)], output, model, OPTIONS, features=kept)
    assert len(list_kept(kept)) == 1
    # Nothing is described again.
    caption_to_file([str(folder)], output, model, OPTIONS, features=kept)
    assert len(list_kept(kept)) == 1
