"""Champions that can't be compared, because their training photos or files are unknown."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.models import Model

from components.artifacts.champion_predictions import read_champion_predictions
from components.artifacts.checksums import CHECKSUMS_FILE, write_checksums
from components.artifacts.files import atomic_directory
from components.artifacts.fingerprint import fingerprint_file
from components.artifacts.training_photos import TRAINING_PHOTOS_FILE, TrainingPhotos
from components.captioning.model.normalizer import NORMALIZER_FILE, Normalizer
from components.rescore.run import rescore_champion

MODEL = "captionflow-sample"


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
    damage = f"captioner version 1/{TRAINING_PHOTOS_FILE} is damaged"
    for fact in (_NO_RECORD, damage, found, "restore"):
        assert fact in reason


def test_rescore_champion_with_a_damaged_normalizer_is_not_read(
    bundle: Path, incomparable: Callable[[], str]
) -> None:
    # Still valid, but with other rules than those that its captions were normalised by.
    Normalizer((("lower",),)).save(bundle)
    write_checksums(bundle)
    Normalizer((("lower",), ("replace", "x", ""))).save(bundle)
    reason = incomparable()
    for fact in ("can't caption", f"captioner version 1/{NORMALIZER_FILE} is damaged", "Restore"):
        assert fact in reason


def test_rescore_champion_with_missing_files_is_incomparable(
    bundle: Path, incomparable: Callable[[], str]
) -> None:
    # Its other files are lost, but for those that say what they were.
    assert bundle.exists()
    assert incomparable().startswith("can't caption the test photos: ")
