"""On a real run's artifacts and the champion that it released."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from components.artifacts.champion_predictions import ChampionPredictions, read_champion_predictions
from components.artifacts.manifest import Photo, read_manifest, write_manifest
from components.captioning.model.normalizer import NORMALIZER, NORMALIZER_FILE, Normalizer
from components.errors import DataError
from components.registry.client import local_tracking_uri
from components.registry.download import download_model
from components.registry.models import find_champion
from components.registry.training_photos import read_training_photos
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


def _rewritten(directory: Path, photos: list[Photo]) -> Path:
    directory.mkdir()
    write_manifest(directory, photos)
    (directory / "report.json").write_text('{"dataset_fingerprint": "changed"}')
    return directory


def test_rescore_champion_says_what_it_said_when_it_was_scored(
    examples: Path, manifest: Path, said: dict[str, str], tmp_path: Path
) -> None:
    found = rescore_champion(examples, manifest, model_name=MODEL, baseline=tmp_path / "baseline")
    assert found == ChampionPredictions("1", captions=said, incomparable="", data_grew=False)
    assert read_champion_predictions(tmp_path / "baseline") == found


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"precision": "bfloat16"}])
def test_rescore_champion_with_another_encoder_looks_at_the_photos_itself(
    change: dict[str, str], examples: Path, manifest: Path, said: dict[str, str], tmp_path: Path
) -> None:
    others = shutil.copytree(examples, tmp_path / "examples")
    encoder = json.loads((others / "encoder.json").read_text())
    (others / "encoder.json").write_text(json.dumps(encoder | change))
    found = rescore_champion(others, manifest, model_name=MODEL, baseline=tmp_path / "baseline")
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
        _rewritten(tmp_path / "manifest", moved),
        model_name=MODEL,
        baseline=tmp_path / "baseline",
    )
    assert found == ChampionPredictions(
        "1", incomparable=f"learnt from 1 of the {test} test photos, such as {known.image_id}"
    )


def test_rescore_champion_and_challenger_that_know_the_same_test_photo_compare(
    examples: Path, manifest: Path, said: dict[str, str], tmp_path: Path
) -> None:
    # As ingest leaves the same picture in dev and test, where a data set's own lists say so.
    photos = read_manifest(manifest)
    known = next(photo for photo in photos if photo.split == "dev")
    place = next(number for number, photo in enumerate(photos) if photo.split == "test")
    photos[place] = replace(photos[place], sha256=known.sha256)
    found = rescore_champion(
        examples,
        _rewritten(tmp_path / "manifest", photos),
        model_name=MODEL,
        baseline=tmp_path / "baseline",
    )
    assert found == ChampionPredictions("1", captions=said)


def test_rescore_champion_whose_words_came_from_other_rules_does_not_compare(
    examples: Path, manifest: Path, tmp_path: Path
) -> None:
    # As if the rules had changed since it was released.
    others = shutil.copytree(examples, tmp_path / "examples")
    Normalizer((("lower",), ("replace", "[^a-z]+", " "))).save(others)
    found = rescore_champion(others, manifest, model_name=MODEL, baseline=tmp_path / "baseline")
    refusal = "learnt from captions that were normalised by other rules than today's references"
    assert found == ChampionPredictions("1", incomparable=refusal)


def test_rescore_champion_on_broken_examples_is_no_fault_of_the_champions(
    examples: Path, manifest: Path, tmp_path: Path
) -> None:
    others = shutil.copytree(examples, tmp_path / "examples")
    (others / NORMALIZER_FILE).write_text("{}")
    with pytest.raises(DataError, match=r"examples/normalizer\.json must hold"):
        rescore_champion(others, manifest, model_name=MODEL, baseline=tmp_path / "baseline")
    assert not (tmp_path / "baseline").exists()


def test_champion_holds_what_made_its_words(tmp_path: Path) -> None:
    bundle = download_model(MODEL, None, tmp_path).bundle
    assert (bundle / NORMALIZER_FILE).exists()
    assert Normalizer.load(bundle) == NORMALIZER


@pytest.mark.parametrize(("kept", "grew"), [(1.0, True), (0.5, False)])
def test_rescore_champion_sees_whether_the_data_grew(
    kept: float,
    grew: bool,
    examples: Path,
    manifest: Path,
    said: dict[str, str],
    tmp_path: Path,
) -> None:
    photos = read_manifest(manifest)
    learnt = [photo for photo in photos if photo.split != "test"]
    gone = learnt[round(kept * len(learnt)) :]
    # Twice as many new photos as were there before: more in all, whatever of them is gone.
    new = [
        replace(photos[0], image_id=f"{number}.png", sha256=f"{number:064}", split="train")
        for number in range(2 * len(photos))
    ]
    found = rescore_champion(
        examples,
        _rewritten(tmp_path / "manifest", [p for p in photos if p not in gone] + new),
        model_name=MODEL,
        baseline=tmp_path / "baseline",
    )
    assert found == ChampionPredictions("1", captions=said, data_grew=grew)


def test_rescore_champion_before_there_is_one_says_so(
    examples: Path, manifest: Path, tmp_path: Path
) -> None:
    baseline = tmp_path / "baseline"
    assert rescore_champion(examples, manifest, model_name="young", baseline=baseline) is None
    assert read_champion_predictions(baseline) is None


@pytest.fixture
def strange(mlflow_root: Path) -> MlflowClient:
    """A store whose champion of `captioner` was made by something else."""
    client = MlflowClient()
    run = client.create_run(client.create_experiment("photos", mlflow_root.as_uri()))
    client.create_registered_model("captioner")
    client.create_model_version("captioner", mlflow_root.as_uri(), run.info.run_id)
    client.set_registered_model_alias("captioner", "champion", "1")
    return client


@pytest.mark.usefixtures("strange")
def test_rescore_champion_that_does_not_say_what_it_learnt_from_does_not_compare(
    examples: Path, manifest: Path, tmp_path: Path
) -> None:
    baseline = tmp_path / "baseline"
    found = rescore_champion(examples, manifest, model_name="captioner", baseline=baseline)
    assert found == ChampionPredictions(
        "1", incomparable="does not say which photos it learnt from"
    )


def test_rescore_champion_whose_files_are_gone_does_not_compare(
    examples: Path, manifest: Path, strange: MlflowClient, tmp_path: Path
) -> None:
    report = json.loads((manifest / "report.json").read_text())
    name = "dataset_fingerprint"
    strange.set_model_version_tag("captioner", "1", name, report[name])
    baseline = tmp_path / "baseline"
    found = rescore_champion(examples, manifest, model_name="captioner", baseline=baseline)
    assert found is not None
    assert found.incomparable.startswith("can't describe them: ")
    assert read_champion_predictions(baseline) == found


def test_training_photos_of_a_champion_are_those_of_train_and_dev(manifest: Path) -> None:
    released = find_champion(MODEL)
    assert released is not None
    photos = read_manifest(manifest)
    assert read_training_photos(released.run_id) == {
        photo.sha256 for photo in photos if photo.split in ("train", "dev")
    }
