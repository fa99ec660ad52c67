"""Tests on the model that a first run registered; each loads it in a new process."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.artifacts.checksums import write_checksums
from components.artifacts.files import read_json
from components.artifacts.manifest import read_manifest
from components.captioning.inference.captioner import Captioner
from components.captioning.model.normalizer import NORMALIZER
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.errors import DataError
from components.register import captioning_process
from components.register.captioning_process import fresh_process
from components.register.packaging import log_bundle
from components.register.parity import check_parity
from components.registry.client import local_tracking_uri
from components.registry.download import download_model
from components.registry.models import find_champion
from components.registry.runs import start_run

MODEL = "models:/captioner@champion"


@pytest.fixture(autouse=True)
def store(first: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(first["model"].parent))


def _scored(artifacts: dict[str, Path], directory: Path, caption: str) -> Path:
    """Returns scores whose last caption is replaced."""
    scores = shutil.copytree(artifacts["scores"], directory / "scores")
    *lines, last = (scores / "captions.jsonl").read_text().splitlines()
    lines.append(json.dumps(json.loads(last) | {"caption": caption}))
    (scores / "captions.jsonl").write_text("\n".join(lines))
    return scores


def test_check_parity_of_a_model_that_generates_the_scored_captions_passes(
    artifacts: dict[str, Path],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # This one in a new process that imports everything itself.
    monkeypatch.setattr(captioning_process, "subprocess", subprocess)
    caplog.set_level("INFO", logger="components.register")
    with fresh_process() as process:
        check_parity(process, MODEL, artifacts["scores"], read_manifest(artifacts["manifest"]))
    [message] = caplog.messages
    assert "2 test photos" in message


def test_check_parity_another_caption_names_photo_and_both(
    artifacts: dict[str, Path], captioner: Any, photos: dict[str, bytes], tmp_path: Path
) -> None:
    (generated,) = captioner.describe([photos["grey.png"]])
    scores = _scored(artifacts, tmp_path, "a grey fog")
    with (
        fresh_process() as process,
        pytest.raises(
            DataError,
            match=rf"3\.png .*'{generated}', but 'a grey fog' was scored.*--precision float32",
        ),
    ):
        check_parity(process, MODEL, scores, read_manifest(artifacts["manifest"]))


def test_check_parity_of_a_language_without_spaces_compares_captions_as_people_write_them(
    artifacts: dict[str, Path], photos: dict[str, bytes], mlflow_root: Path, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(artifacts["model"], tmp_path / "bundle"))
    words = ["一", "红", "蓝", "圆"]
    Vocabulary([*SPECIAL_TOKENS, *words]).save(bundle / "vocabulary.txt")
    NORMALIZER.save(bundle)
    write_checksums(bundle)
    captions = Captioner(bundle).describe(list(photos.values()))
    assert all(len(caption) > 1 and " " not in caption for caption in captions)
    scores = tmp_path / "scores"
    scores.mkdir()
    rows = zip(("2.png", "3.png"), captions, strict=True)
    lines = [
        json.dumps({"image_id": name, "hypothesis": " ".join(caption), "caption": caption})
        for name, caption in rows
    ]
    (scores / "captions.jsonl").write_text("\n".join(lines))
    manifest = read_manifest(artifacts["manifest"])
    with fresh_process() as process:
        logged = log_bundle(bundle, manifest, start_run("photos", "first", {}))
        check_parity(process, f"models:/{logged}", scores, manifest)


def test_check_parity_model_that_does_not_load_says_why(artifacts: dict[str, Path]) -> None:
    with (
        fresh_process() as process,
        pytest.raises(
            DataError, match=r"could not be loaded .*exit code 1.* version=7.* not found"
        ),
    ):
        check_parity(
            process,
            "models:/captioner/7",
            artifacts["scores"],
            read_manifest(artifacts["manifest"]),
        )


def test_check_parity_without_a_scored_photo_is_an_error(
    artifacts: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "captions.jsonl").write_text("")
    with (
        fresh_process() as process,
        pytest.raises(DataError, match=r"test photo that was scored.* 3 photos, 0 scored"),
    ):
        check_parity(process, MODEL, tmp_path, read_manifest(artifacts["manifest"]))


def test_registered_bundle_has_the_decoding_settings_it_was_scored_with(
    artifacts: dict[str, Path], tmp_path: Path
) -> None:
    champion = find_champion("captioner")
    assert champion is not None
    bundle = download_model("captioner", champion.version, tmp_path).bundle
    scored = read_json(artifacts["scores"] / "scores.json")
    decoding = read_json(bundle / "decoding.json")
    assert decoding == {name: scored[name] for name in decoding}
