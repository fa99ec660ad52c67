import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from google.cloud import storage
from mlflow import MlflowClient

from components.artifacts.captions import VOCABULARY_FILE
from components.artifacts.example_records import shard_name, to_example
from components.artifacts.examples import Examples, ExampleShards
from components.artifacts.files import COVERAGE_FILE, ENCODER_WEIGHTS_FILE, MATRIX_FILE
from components.captioning.decoding.reranking import RerankerData
from components.captioning.decoding.search import DecodingConfig
from components.captioning.encoder.spec import EncoderSpec
from components.captioning.inference.bundle import Bundle
from components.captioning.model.normalizer import Normalizer
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.errors import DataError, SettingError
from components.registry.ownership import RUN_VARIABLE
from components.runtime.retry_policy import RUN_ID_VARIABLE
from components.settings.train import TrainSettings
from components.train import callbacks
from components.train import run as run_module
from components.train.run import train_model

Train = Callable[..., dict[str, Any]]


@pytest.fixture
def train(
    train_examples: Examples,
    dev_examples: Examples,
    matrix: np.ndarray,
    make_settings: Callable[..., TrainSettings],
    mlflow_root: Path,
    tmp_path: Path,
) -> Train:
    """Trains for two epochs from artifacts on disk; `pod` is the folder of the model."""
    for name, examples in (("train", train_examples), ("dev", dev_examples)):
        _write_examples(tmp_path / "examples", name, examples)
    (tmp_path / "captions").mkdir()
    words = [*SPECIAL_TOKENS, "a", "red", "blue", "circle", "square"]
    Vocabulary(words).save(tmp_path / "captions" / VOCABULARY_FILE)
    for name in ("captions", "examples"):
        Normalizer((("lower",),)).save(tmp_path / name)
    (tmp_path / "matrix").mkdir()
    np.save(tmp_path / "matrix" / MATRIX_FILE, matrix)
    coverage = {"source": "glove.txt", "width": 4, "found": 5}
    (tmp_path / "matrix" / COVERAGE_FILE).write_text(json.dumps(coverage))

    def run(pod: str, checkpoints: str | Path, **changed: Any) -> dict[str, Any]:
        return train_model(
            *(tmp_path / name for name in ("examples", "captions", "matrix")),
            tmp_path / pod,
            settings=make_settings(
                epochs=2, experiment="tests", checkpoints=str(checkpoints), **changed
            ),
        )

    return run


def _write_examples(directory: Path, split: str, examples: Examples) -> None:
    directory.mkdir(exist_ok=True)
    spec = EncoderSpec("InceptionV3", "random", 0, "0" * 64, 6, 299, "float32")
    spec.save(directory)
    (directory / ENCODER_WEIGHTS_FILE).write_bytes(b"the encoder's weights")
    with tf.io.TFRecordWriter(str(directory / shard_name(split, 0, 1))) as writer:
        for index, image_id in enumerate(examples.image_ids):
            record = to_example(
                image_id,
                examples.features[index],
                examples.tokens[index],
                examples.references[index],
            )
            writer.write(record)


def _losses(training: dict[str, Any]) -> list[tuple[float, float]]:
    return [(epoch["loss"], epoch["dev_word_loss"]) for epoch in training["history"]]


def _interrupt_after_the_first_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    # Called at the end of an epoch, after the checkpoint is saved.
    monkeypatch.setattr(callbacks, "log_metrics", interrupt)


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
    class StopTrainingError(Exception):
        pass

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


def test_train_model_writes_a_model_that_is_not_scored_yet(train: Train, tmp_path: Path) -> None:
    train("model", tmp_path / "own")
    with pytest.raises(DataError, match=r"must be a scored model.* scored_model"):
        Bundle.load(tmp_path / "model")


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
