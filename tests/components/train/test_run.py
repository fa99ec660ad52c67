"""What a training reads and writes, and what it refuses."""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from components.artifacts.examples import Examples, ExampleShards
from components.artifacts.training_photos import TRAINING_PHOTOS_FILE, TrainingPhotos
from components.captioning.decoding.reranker_data import RerankerData
from components.captioning.inference.bundle import Bundle
from components.captioning.model.normalizer import Normalizer
from components.errors import DataError, SettingError
from components.registry.parents import parent_photos
from components.train import run as run_module

Train = Callable[..., dict[str, Any]]


class StopTrainingError(Exception):
    """Ends a training when it would begin."""


def test_train_model_on_captions_normalized_by_other_rules_is_refused(
    train: Train, tmp_path: Path
) -> None:
    Normalizer((("strip",),)).save(tmp_path / "captions")
    with pytest.raises(DataError, match=r"must be normalized by the same rules.* Run features"):
        train("model", tmp_path / "own")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("changed", "most", "expected"),
    [
        ({}, 2**30, Examples),
        ({}, 0, ExampleShards),
        ({"training_data": "memory"}, 0, Examples),
        ({"training_data": "stream"}, 2**30, ExampleShards),
    ],
)
def test_train_model_reads_data_into_memory_by_size_and_setting(
    changed: dict[str, str],
    most: int,
    expected: type,
    train: Train,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def record(train: Any, dev: Any, *_: Any, **__: Any) -> None:
        assert (type(train), type(dev)) == (expected, expected)
        raise StopTrainingError

    monkeypatch.setattr(run_module, "fit_network", record)
    monkeypatch.setattr(run_module, "_MAX_BYTES_IN_MEMORY", most)
    with pytest.raises(StopTrainingError):
        train("model", tmp_path / "own", **changed)


def test_train_model_keeps_all_train_photos_or_a_sample(train: Train, tmp_path: Path) -> None:
    train("whole", tmp_path / "own")
    train("sample", tmp_path / "own", training_data="stream", reranking_photos=5)
    for name, photos in (("whole", 24), ("sample", 5)):
        kept = RerankerData.load(tmp_path / name)
        assert (len(kept.features), len(kept.captions)) == (photos, photos)


def test_train_model_lists_its_training_photos_and_those_of_its_parent(
    train: Train, tmp_path: Path
) -> None:
    train("parent", tmp_path / "own")
    assert TrainingPhotos.load(tmp_path / "parent") == ({"0" * 64, "1" * 64}, {"1" * 64})
    # The child's data are a new photo, and one that was in the parent's dev.
    child = TrainingPhotos(frozenset({"1" * 64, "2" * 64}), frozenset())
    child.save(tmp_path / "examples")
    train("child", tmp_path / "own", start_from=str(tmp_path / "parent"))
    everything = {"0" * 64, "1" * 64, "2" * 64}
    assert TrainingPhotos.load(tmp_path / "child") == (everything, frozenset())
    # What the next training would leave out of its test split, read as ingest does.
    assert parent_photos(str(tmp_path / "child")).all == everything


def _records() -> list[TrainingPhotos]:
    # Cycles of other tests may hold some that nobody can reach.
    gc.collect()
    # `isinstance` asks a weak reference for what it refers to, which may be gone.
    return [each for each in gc.get_objects() if type(each) is TrainingPhotos]


def test_train_model_does_not_hold_its_training_photos_while_it_trains(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train("parent", tmp_path / "own")
    # Those of the tests' own.
    others = _records()

    def record(*_: Any, **__: Any) -> None:
        assert not [each for each in _records() if not any(each is other for other in others)]
        raise StopTrainingError

    monkeypatch.setattr(run_module, "fit_network", record)
    with pytest.raises(StopTrainingError):
        train("child", tmp_path / "own", start_from=str(tmp_path / "parent"))


def test_train_model_from_examples_without_training_photos_is_refused(
    train: Train, tmp_path: Path
) -> None:
    (tmp_path / "examples" / TRAINING_PHOTOS_FILE).unlink()
    with pytest.raises(DataError, match=f"{TRAINING_PHOTOS_FILE}. Run features again"):
        train("model", tmp_path / "own")


def test_train_model_writes_a_model_that_is_not_scored_yet(train: Train, tmp_path: Path) -> None:
    train("model", tmp_path / "own")
    with pytest.raises(DataError, match=r"must be a scored model.* scored_model"):
        Bundle.load(tmp_path / "model")


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    ("checkpoints", "message"),
    [
        ("gs://unknown/checkpoints", "gcloud storage buckets create gs://unknown"),
        ("ftp://runs", r"must be local or begin with gs://, .*Received: ftp://runs"),
    ],
)
def test_train_model_without_a_place_for_checkpoints_fails_before_training(
    checkpoints: str, message: str, train: Train
) -> None:
    with pytest.raises(SettingError, match=message):
        train("pod", checkpoints)
    # No MLflow run was started.
    [experiment] = MlflowClient().search_experiments(filter_string="name = 'tests'")
    assert not MlflowClient().search_runs([experiment.experiment_id])
