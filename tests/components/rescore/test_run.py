"""On a real run's artifacts and the champion that it released."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from components.platform.learnt import read_learnt
from components.platform.manifest import Photo, read_manifest, write_manifest
from components.platform.registry import champion
from components.platform.rival import Rival, read_rival
from components.platform.tracking import local_tracking_uri
from components.rescore.run import rescore_champion

MODEL = "captionflow-sample"


@pytest.fixture(scope="module", autouse=True)
def outputs(small_run: tuple[Any, str]) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(small_run[0].root))
        yield small_run[0].outputs


@pytest.fixture
def manifest(outputs: Any) -> Path:
    return Path(outputs["ingest"]["manifest"].path)


@pytest.fixture
def examples(outputs: Any) -> Path:
    return Path(outputs["features"]["examples"].path)


@pytest.fixture
def said(outputs: Any) -> dict[str, str]:
    """What the champion said when it was scored."""
    lines = Path(outputs["evaluate"]["scores"].path, "captions.jsonl").read_text().splitlines()
    return {line["image_id"]: line["hypothesis"] for line in map(json.loads, lines)}


def _rewritten(manifest: Path, directory: Path, photos: list[Photo]) -> Path:
    directory.mkdir()
    write_manifest(directory, photos)
    return directory


def test_rescore_champion_says_what_it_said_when_it_was_scored(
    examples: Path, manifest: Path, said: dict[str, str], tmp_path: Path
) -> None:
    found = rescore_champion(examples, manifest, model_name=MODEL, rival=tmp_path / "rival")
    assert found == Rival("1", captions=said, refusal="", data_grew=False)
    assert read_rival(tmp_path / "rival") == found


def test_rescore_champion_with_another_encoder_looks_at_the_photos_itself(
    examples: Path, manifest: Path, said: dict[str, str], tmp_path: Path
) -> None:
    others = shutil.copytree(examples, tmp_path / "examples")
    encoder = json.loads((others / "encoder.json").read_text())
    (others / "encoder.json").write_text(json.dumps(encoder | {"sha256": "0" * 64}))
    found = rescore_champion(others, manifest, model_name=MODEL, rival=tmp_path / "rival")
    assert found is not None and found.captions == said


def test_rescore_champion_that_knows_a_test_photo_does_not_compare(
    examples: Path, manifest: Path, tmp_path: Path
) -> None:
    photos = read_manifest(manifest)
    known = next(photo for photo in photos if photo.split == "dev")
    moved = [replace(each, split="test") if each == known else each for each in photos]
    test = sum(photo.split == "test" for photo in moved)
    found = rescore_champion(
        examples,
        _rewritten(manifest, tmp_path / "manifest", moved),
        model_name=MODEL,
        rival=tmp_path / "rival",
    )
    assert found == Rival(
        "1", refusal=f"learnt from 1 of the {test} test photos, such as {known.image_id}"
    )


def test_rescore_champion_of_fewer_photos_sees_that_the_data_grew(
    examples: Path, manifest: Path, said: dict[str, str], tmp_path: Path
) -> None:
    photos = read_manifest(manifest)
    new = replace(photos[0], image_id="new.png", sha256="0" * 64, split="train")
    found = rescore_champion(
        examples,
        _rewritten(manifest, tmp_path / "manifest", [*photos, new]),
        model_name=MODEL,
        rival=tmp_path / "rival",
    )
    assert found == Rival("1", captions=said, data_grew=True)


def test_rescore_champion_before_there_is_one_says_so(
    examples: Path, manifest: Path, tmp_path: Path
) -> None:
    rival = tmp_path / "rival"
    assert rescore_champion(examples, manifest, model_name="young", rival=rival) is None
    assert read_rival(rival) is None


def test_rescore_champion_that_does_not_say_what_it_learnt_from_does_not_compare(
    examples: Path, manifest: Path, mlflow_root: Path, tmp_path: Path
) -> None:
    client = MlflowClient()
    run = client.create_run(client.create_experiment("photos", mlflow_root.as_uri()))
    client.create_registered_model("captioner")
    client.create_model_version("captioner", mlflow_root.as_uri(), run.info.run_id)
    client.set_registered_model_alias("captioner", "champion", "1")
    rival = tmp_path / "rival"
    found = rescore_champion(examples, manifest, model_name="captioner", rival=rival)
    assert found == Rival("1", refusal="does not say which photos it learnt from")


def test_learnt_photos_of_a_champion_are_those_of_train_and_dev(manifest: Path) -> None:
    released = champion(MODEL)
    assert released is not None
    photos = read_manifest(manifest)
    assert read_learnt(released.run_id) == {
        photo.sha256 for photo in photos if photo.split in ("train", "dev")
    }
