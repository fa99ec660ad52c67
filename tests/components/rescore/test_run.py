"""Tests on the artifacts of a real run and the champion that it registered."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from components.artifacts.champion_predictions import ChampionPredictions, read_champion_predictions
from components.artifacts.manifest import Photo, read_manifest, write_manifest
from components.artifacts.training_photos import TRAINING_PHOTOS_FILE, TrainingPhotos
from components.captioning.model.normalizer import NORMALIZER, NORMALIZER_FILE, Normalizer
from components.errors import DataError
from components.registry.download import download_model
from components.rescore.run import rescore_champion

MODEL = "captionflow-sample"


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


def test_champion_bundle_lists_the_photos_of_train_and_dev(manifest: Path, tmp_path: Path) -> None:
    bundle = download_model(MODEL, None, tmp_path).bundle
    assert TrainingPhotos.load(bundle) == TrainingPhotos.of(read_manifest(manifest))
