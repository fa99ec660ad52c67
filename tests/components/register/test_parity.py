"""On the model that a first run registered; each test loads it in a process of its own."""

import json
import shutil
from pathlib import Path

import pytest

from components.artifacts.files import read_json
from components.artifacts.manifest import read_manifest
from components.captioning.inference.captioner import Captioner
from components.errors import DataError
from components.register.parity import check_parity
from components.registry.client import local_tracking_uri
from components.registry.download import download_model
from components.registry.models import find_champion

MODEL = "models:/captioner@champion"


@pytest.fixture(autouse=True)
def store(first: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(first["model"].parent))


def _scored(artifacts: dict[str, Path], directory: Path, caption: str) -> Path:
    """Returns scores whose last caption is another one."""
    scores = shutil.copytree(artifacts["scores"], directory / "scores")
    *lines, last = (scores / "captions.jsonl").read_text().splitlines()
    lines.append(json.dumps(json.loads(last) | {"hypothesis": caption}))
    (scores / "captions.jsonl").write_text("\n".join(lines))
    return scores


def test_check_parity_of_a_model_that_says_what_was_scored_passes(
    artifacts: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="components.register")
    check_parity(MODEL, artifacts["scores"], read_manifest(artifacts["manifest"]))
    assert caplog.messages == ["the logged model says of 2 test photos what was scored"]


def test_check_parity_another_caption_names_photo_and_both(
    artifacts: dict[str, Path], photos: dict[str, bytes], tmp_path: Path
) -> None:
    (said,) = Captioner(artifacts["model"]).describe([photos["grey.png"]])
    scores = _scored(artifacts, tmp_path, "a grey fog")
    with pytest.raises(
        DataError,
        match=rf"registered: .*--precision float32.* of 3\.png '{said}', where 'a grey fog' was",
    ):
        check_parity(MODEL, scores, read_manifest(artifacts["manifest"]))


def test_check_parity_model_that_does_not_load_tells_why(artifacts: dict[str, Path]) -> None:
    with pytest.raises(DataError, match=r"must load in a fresh process .* version=7.* not found"):
        check_parity(
            "models:/captioner/7", artifacts["scores"], read_manifest(artifacts["manifest"])
        )


def test_check_parity_without_a_scored_photo_is_an_error(
    artifacts: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "captions.jsonl").write_text("")
    with pytest.raises(DataError, match=r"a test photo that was scored.* 3 photos, 0 scored"):
        check_parity(MODEL, tmp_path, read_manifest(artifacts["manifest"]))


def test_registered_bundle_searches_as_it_was_scored(
    artifacts: dict[str, Path], tmp_path: Path
) -> None:
    released = find_champion("captioner")
    assert released is not None
    bundle = download_model("captioner", released.version, tmp_path).bundle
    scored = read_json(artifacts["scores"] / "scores.json")
    decoding = read_json(bundle / "decoding.json")
    assert decoding == {name: scored[name] for name in decoding}
