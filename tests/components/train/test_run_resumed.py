"""Trainings that end early: where they go on, and what MLflow says of them."""

import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.cloud import storage
from mlflow import MlflowClient

from components.captioning.decoding.search import DecodingConfig
from components.captioning.inference.bundle import Bundle
from components.captioning.model.normalizer import Normalizer
from components.registry.ownership import RUN_VARIABLE
from components.runtime.retry_policy import RUN_ID_VARIABLE
from components.train import callbacks

Train = Callable[..., dict[str, Any]]


def _losses(training: dict[str, Any]) -> list[tuple[float, float]]:
    return [(epoch["loss"], epoch["dev_word_loss"]) for epoch in training["history"]]


def _interrupt_after_the_first_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    # Called at the end of an epoch, after the checkpoint is saved.
    monkeypatch.setattr(callbacks, "log_metrics", interrupt)


def test_train_model_on_a_new_pod_resumes_from_the_checkpoint_in_a_bucket(
    train: Train, bucket: storage.Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted = train("uninterrupted", tmp_path / "own")
    # The model includes the normalizer of its captions.
    assert Normalizer.load(tmp_path / "uninterrupted") == Normalizer((("lower",),))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        _interrupt_after_the_first_epoch(patch)
        train("killed", "gs://runs/checkpoints")
    assert not (tmp_path / "killed").exists()
    [checkpoint] = bucket.list_blobs()
    assert re.fullmatch(r"checkpoints/[0-9a-f]{32}\.npz", checkpoint.name)
    with np.load(io.BytesIO(checkpoint.download_as_bytes())) as arrays:
        progress = json.loads(str(arrays["progress"]))

    resumed = train("resumed", "gs://runs/checkpoints/")

    assert _losses(resumed) == _losses(uninterrupted)
    # Epoch 1, including its duration, and the MLflow run are those of the first pod.
    assert resumed["history"][:1] == progress["history"]
    assert resumed["mlflow_run_id"] == progress["run_id"] != uninterrupted["mlflow_run_id"]
    logged = MlflowClient().get_metric_history(progress["run_id"], "dev_word_loss")
    assert [metric.step for metric in logged] == [1, 2]
    one, other = (
        Bundle.load(tmp_path / pod, DecodingConfig()).network
        for pod in ("uninterrupted", "resumed")
    )
    for weights, same in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, same)
    # The caller removes the checkpoint, once the model is where it is kept.
    assert [f"gs://runs/{blob.name}" for blob in bucket.list_blobs()] == [resumed["checkpoint"]]


def _status(run_id: str) -> str:
    return str(MlflowClient().get_run(run_id).info.status)


def test_train_model_interrupted_marks_its_run_and_goes_on_with_it(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        _interrupt_after_the_first_epoch(patch)
        train("killed", tmp_path / "checkpoints")
    [experiment] = MlflowClient().search_experiments(filter_string="name = 'tests'")
    [run] = MlflowClient().search_runs([experiment.experiment_id])
    assert run.info.status == "KILLED"
    assert train("resumed", tmp_path / "checkpoints")["mlflow_run_id"] == run.info.run_id
    assert _status(run.info.run_id) == "FINISHED"


def test_train_model_killed_before_its_first_epoch_goes_on_with_the_same_run(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(callbacks, "save_checkpoint", interrupt)
        train("killed", tmp_path / "checkpoints")
    train("resumed", tmp_path / "checkpoints")
    [experiment] = MlflowClient().search_experiments(filter_string="name = 'tests'")
    [run] = MlflowClient().search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert len(MlflowClient().get_metric_history(run.info.run_id, "loss")) == 2


def test_train_model_that_fails_marks_its_run_as_failed(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(callbacks, "save_checkpoint", fail)
    with pytest.raises(OSError, match="No space left"):
        train("failed", tmp_path / "checkpoints")
    [experiment] = MlflowClient().search_experiments(filter_string="name = 'tests'")
    [run] = MlflowClient().search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"


def test_train_model_in_a_local_run_keeps_its_checkpoint_until_the_model_is_cached(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUN_VARIABLE, "captionflow-1")
    trained = train("killed", tmp_path / "checkpoints")
    assert Path(trained["checkpoint"]).exists()
    again = train("again", tmp_path / "checkpoints")
    assert again["history"] == trained["history"]
    assert again["mlflow_run_id"] == trained["mlflow_run_id"]
    assert _status(again["mlflow_run_id"]) == "FINISHED"
    # The last epoch, which might have been killed before it was logged, is not logged again.
    logged = MlflowClient().get_metric_history(again["mlflow_run_id"], "dev_word_loss")
    assert [metric.step for metric in logged] == [1, 2]


def test_train_model_on_a_cluster_keeps_its_checkpoint_until_the_model_is_uploaded(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = tmp_path / "claim"
    checkpoints.mkdir()
    (checkpoints / "old.npz").touch()
    os.utime(checkpoints / "old.npz", (0, 0))
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-1")
    trained = train("lost", checkpoints)
    [checkpoint] = checkpoints.iterdir()
    assert checkpoint.name.endswith("-run-1.npz")
    # The pod was lost before the model was uploaded: the retry has no epochs left to train.
    again = train("retry", checkpoints)
    assert again["history"] == trained["history"]
    assert again["mlflow_run_id"] == trained["mlflow_run_id"]
    # Another Kubeflow run does not use that checkpoint.
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-2")
    assert train("other", checkpoints)["mlflow_run_id"] != trained["mlflow_run_id"]
