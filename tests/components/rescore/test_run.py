"""Tests on the artifacts of a real run and the champion that it registered."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.models import Model

from components.artifacts.champion_predictions import ChampionPredictions, read_champion_predictions
from components.artifacts.checksums import CHECKSUMS_FILE
from components.artifacts.files import atomic_directory
from components.artifacts.fingerprint import fingerprint_file
from components.artifacts.manifest import Photo, read_manifest, write_manifest
from components.artifacts.training_photos import TRAINING_PHOTOS_FILE, TrainingPhotos
from components.captioning.model.normalizer import NORMALIZER, NORMALIZER_FILE, Normalizer
from components.errors import DataError
from components.registry.client import local_tracking_uri
from components.registry.download import download_model
from components.rescore.run import rescore_champion

MODEL = "captionflow-sample"


@pytest.fixture(scope="module", autouse=True)
def files(finished_run: Any) -> Iterator[dict[str, dict[str, Path]]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(finished_run.root))
        yield finished_run.files


@pytest.fixture
def manifest(files: dict[str, dict[str, Path]]) -> Path:
    return files["ingest"]["manifest"]


@pytest.fixture
def examples(files: dict[str, dict[str, Path]]) -> Path:
    return files["features"]["examples"]


@pytest.fixture
def scored(files: dict[str, dict[str, Path]]) -> dict[str, str]:
    """The champion's captions that `evaluate` scored."""
    lines = (files["evaluate"]["scores"] / "captions.jsonl").read_text().splitlines()
    return {line["image_id"]: line["hypothesis"] for line in map(json.loads, lines)}


def _write_changed(directory: Path, photos: list[Photo]) -> Path:
    directory.mkdir()
    write_manifest(directory, sorted(photos, key=lambda photo: photo.image_id))
    (directory / "report.json").write_text('{"dataset_fingerprint": "changed"}')
    return directory


def _copy_examples(examples: Path, photos: list[Photo], directory: Path) -> Path:
    """Copies examples, as if `features` had made them of other photos for train and dev."""
    shutil.copytree(examples, directory)
    TrainingPhotos.of(photos).save(directory)
    return directory


def test_rescore_champion_generates_the_scored_captions(
    examples: Path, manifest: Path, scored: dict[str, str], tmp_path: Path
) -> None:
    found = rescore_champion(examples, manifest, model_name=MODEL, baseline=tmp_path / "baseline")
    assert found == ChampionPredictions("1", captions=scored, incomparable="", data_grew=False)
    assert read_champion_predictions(tmp_path / "baseline") == found


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"precision": "bfloat16"}])
def test_rescore_champion_with_another_encoder_encodes_the_photos(
    change: dict[str, str], examples: Path, manifest: Path, scored: dict[str, str], tmp_path: Path
) -> None:
    others = shutil.copytree(examples, tmp_path / "examples")
    encoder = json.loads((others / "encoder.json").read_text())
    (others / "encoder.json").write_text(json.dumps(encoder | change))
    found = rescore_champion(others, manifest, model_name=MODEL, baseline=tmp_path / "baseline")
    assert found is not None and found.captions == scored


def test_rescore_champion_trained_on_a_test_photo_is_incomparable(
    examples: Path, manifest: Path, tmp_path: Path
) -> None:
    photos = read_manifest(manifest)
    known = next(photo for photo in photos if photo.split == "dev")
    moved = [replace(each, split="test") if each == known else each for each in photos]
    test = sum(photo.split == "test" for photo in moved)
    found = rescore_champion(
        _copy_examples(examples, moved, tmp_path / "examples"),
        _write_changed(tmp_path / "manifest", moved),
        model_name=MODEL,
        baseline=tmp_path / "baseline",
    )
    assert found is not None and not found.captions
    for fact in (f"1 of the {test} test photos", known.image_id):
        assert fact in found.incomparable


def test_rescore_champion_and_challenger_trained_on_the_same_test_photo_compare(
    examples: Path, manifest: Path, scored: dict[str, str], tmp_path: Path
) -> None:
    # A data set's own lists may have the same photo in dev and test; ingest leaves it there.
    photos = read_manifest(manifest)
    known = next(photo for photo in photos if photo.split == "dev")
    index = next(index for index, photo in enumerate(photos) if photo.split == "test")
    photos[index] = replace(photos[index], sha256=known.sha256)
    found = rescore_champion(
        examples,
        _write_changed(tmp_path / "manifest", photos),
        model_name=MODEL,
        baseline=tmp_path / "baseline",
    )
    assert found == ChampionPredictions("1", captions=scored)


def test_rescore_champion_with_another_normalizer_is_incomparable(
    examples: Path, manifest: Path, tmp_path: Path
) -> None:
    others = shutil.copytree(examples, tmp_path / "examples")
    Normalizer((("lower",), ("replace", "[^a-z]+", " "))).save(others)
    found = rescore_champion(others, manifest, model_name=MODEL, baseline=tmp_path / "baseline")
    assert found is not None and not found.captions
    assert "normalised by other rules" in found.incomparable


def test_rescore_champion_broken_examples_are_an_error(
    examples: Path, manifest: Path, tmp_path: Path
) -> None:
    others = shutil.copytree(examples, tmp_path / "examples")
    (others / NORMALIZER_FILE).write_text("{}")
    with pytest.raises(DataError, match=r"examples/normalizer\.json must hold"):
        rescore_champion(others, manifest, model_name=MODEL, baseline=tmp_path / "baseline")
    assert not (tmp_path / "baseline").exists()


def test_champion_bundle_has_its_normalizer(tmp_path: Path) -> None:
    bundle = download_model(MODEL, None, tmp_path).bundle
    assert (bundle / NORMALIZER_FILE).exists()
    assert Normalizer.load(bundle) == NORMALIZER


@pytest.mark.parametrize(("overlap", "grew"), [(1.0, True), (0.5, False)])
def test_rescore_champion_reports_whether_the_data_grew(
    overlap: float,
    grew: bool,
    examples: Path,
    manifest: Path,
    scored: dict[str, str],
    tmp_path: Path,
) -> None:
    photos = read_manifest(manifest)
    training = [photo for photo in photos if photo.split != "test"]
    removed = training[round(overlap * len(training)) :]
    # Twice as many new photos as before: more in total, however many were removed.
    new = [
        replace(photos[0], image_id=f"{number}.png", sha256=f"{number:064}", split="train")
        for number in range(2 * len(photos))
    ]
    changed = [photo for photo in photos if photo not in removed] + new
    found = rescore_champion(
        _copy_examples(examples, changed, tmp_path / "examples"),
        _write_changed(tmp_path / "manifest", changed),
        model_name=MODEL,
        baseline=tmp_path / "baseline",
    )
    assert found == ChampionPredictions("1", captions=scored, data_grew=grew)


def test_rescore_champion_does_not_count_a_photo_whose_caption_has_no_word(
    examples: Path, manifest: Path, scored: dict[str, str], tmp_path: Path
) -> None:
    # It is in the manifest, but `normalize` drops its caption, and so `features` the photo: the
    # champion was not trained on it either.
    photos = read_manifest(manifest)
    wordless = replace(
        photos[0], image_id="wordless.png", sha256="0" * 64, split="train", captions=("!!!",)
    )
    found = rescore_champion(
        examples,
        _write_changed(tmp_path / "manifest", [*photos, wordless]),
        model_name=MODEL,
        baseline=tmp_path / "baseline",
    )
    assert found == ChampionPredictions("1", captions=scored, data_grew=False)


def test_rescore_champion_from_examples_without_training_photos_is_an_error(
    examples: Path, manifest: Path, tmp_path: Path
) -> None:
    others = shutil.copytree(examples, tmp_path / "examples")
    (others / TRAINING_PHOTOS_FILE).unlink()
    with pytest.raises(DataError, match=f"examples must have {TRAINING_PHOTOS_FILE}. Run features"):
        rescore_champion(others, manifest, model_name=MODEL, baseline=tmp_path / "baseline")
    assert not (tmp_path / "baseline").exists()


def test_rescore_champion_without_a_champion_writes_none(
    examples: Path, manifest: Path, tmp_path: Path
) -> None:
    baseline = tmp_path / "baseline"
    assert (
        rescore_champion(examples, manifest, model_name="without-champion", baseline=baseline)
        is None
    )
    assert read_champion_predictions(baseline) is None


@pytest.fixture
def foreign(mlflow_root: Path) -> Path:
    """The folder of `captioner`'s champion, which captionflow did not register."""
    client = MlflowClient()
    run = client.create_run(client.create_experiment("photos", mlflow_root.as_uri()))
    client.create_registered_model("captioner")
    client.create_model_version("captioner", mlflow_root.as_uri(), run.info.run_id)
    client.set_registered_model_alias("captioner", "champion", "1")
    return mlflow_root


@pytest.fixture
def bundle(foreign: Path) -> Path:
    """The bundle of `captioner`'s champion: its checksums, and a record without photos."""
    flavor = {"artifacts": {"bundle": {"path": "artifacts/bundle"}}}
    Model(flavors={"python_function": flavor}).save(str(foreign / "MLmodel"))
    with atomic_directory(foreign / "artifacts" / "bundle") as aside:
        TrainingPhotos(frozenset(), frozenset()).save(aside)
    return foreign / "artifacts" / "bundle"


@pytest.fixture
def incomparable(examples: Path, manifest: Path, tmp_path: Path) -> Callable[[], str]:
    """Returns a function that returns why `captioner`'s champion can't be compared with."""

    def rescore() -> str:
        baseline = tmp_path / "baseline"
        found = rescore_champion(examples, manifest, model_name="captioner", baseline=baseline)
        assert found is not None and not found.captions
        assert read_champion_predictions(baseline) == found
        return found.incomparable

    return rescore


_NO_RECORD = "has no valid record of its training photos"


def test_rescore_champion_that_captionflow_did_not_register_is_incomparable(
    foreign: Path, incomparable: Callable[[], str]
) -> None:
    Model(flavors={"python_function": {}}).save(str(foreign / "MLmodel"))
    reason = incomparable()
    for fact in (_NO_RECORD, "captioner version 1", "not registered by captionflow"):
        assert fact in reason


@pytest.mark.parametrize("name", [CHECKSUMS_FILE, TRAINING_PHOTOS_FILE])
def test_rescore_champion_without_its_record_is_incomparable(
    name: str, bundle: Path, incomparable: Callable[[], str]
) -> None:
    (bundle / name).unlink()
    reason = incomparable()
    for fact in (_NO_RECORD, "captioner version 1 are missing", name):
        assert fact in reason


def test_rescore_champion_with_a_flipped_bit_in_its_record_is_incomparable(
    bundle: Path, incomparable: Callable[[], str]
) -> None:
    file = bundle / TRAINING_PHOTOS_FILE
    # Still a valid record, but of another photo.
    TrainingPhotos(frozenset({"0" * 64}), frozenset()).save(bundle)
    found = fingerprint_file(file)
    reason = incomparable()
    for fact in (_NO_RECORD, f"{TRAINING_PHOTOS_FILE} is damaged", found):
        assert fact in reason


def test_rescore_champion_with_missing_files_is_incomparable(
    bundle: Path, incomparable: Callable[[], str]
) -> None:
    # Its other files are lost, but for those that say what they were.
    assert bundle.exists()
    assert incomparable().startswith("can't caption the test photos: ")


def test_champion_bundle_lists_the_photos_of_train_and_dev(manifest: Path, tmp_path: Path) -> None:
    bundle = download_model(MODEL, None, tmp_path).bundle
    assert TrainingPhotos.load(bundle) == TrainingPhotos.of(read_manifest(manifest))
