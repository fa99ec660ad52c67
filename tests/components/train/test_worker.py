import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import yaml
from mlflow import MlflowClient

from components.artifacts.captions import VOCABULARY_FILE
from components.artifacts.checksums import write_checksums
from components.artifacts.examples import Examples
from components.artifacts.files import (
    COVERAGE_FILE,
    ENCODER_WEIGHTS_FILE,
    MATRIX_FILE,
    TRAINING_FILE,
    read_json,
)
from components.artifacts.training_photos import TrainingPhotos
from components.captioning.encoder.spec import EncoderSpec
from components.captioning.model.normalizer import Normalizer
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.errors import SettingError
from components.settings.train import TrainSettings
from components.train import worker, workers
from components.train.tracking import RUN_CONFIG_FILE
from components.train.worker import INDEX_VARIABLE, JOB_VARIABLE, cluster_config
from components.train.workers import Workers


@pytest.mark.parametrize("missing", [JOB_VARIABLE, INDEX_VARIABLE])
def test_cluster_config_without_a_variable_names_it(missing: str) -> None:
    environment = {JOB_VARIABLE: "captions", INDEX_VARIABLE: "0"}
    del environment[missing]
    with pytest.raises(SettingError, match=f"{missing}.*infra/trainer"):
        cluster_config(environment, 2)


@pytest.fixture
def arguments(
    train_shards: Any,
    dev_shards: Any,
    matrix: np.ndarray,
    make_settings: Callable[..., TrainSettings],
    own_photos: TrainingPhotos,
    mlflow_root: Path,
    tmp_path: Path,
) -> list[str]:
    """The arguments of a single worker, with artifacts on disk."""
    examples = tmp_path / "examples"
    examples.mkdir()
    for shard in (*train_shards.paths, *dev_shards.paths):
        shard.rename(examples / shard.name)
    EncoderSpec("InceptionV3", "random", 0, "0" * 64, 6, 299, "float32").save(examples)
    (examples / ENCODER_WEIGHTS_FILE).write_bytes(b"the encoder's weights")
    for name in ("captions", "matrix"):
        (tmp_path / name).mkdir()
    words = [*SPECIAL_TOKENS, "a", "red", "blue", "circle", "square"]
    Vocabulary(words).save(tmp_path / "captions" / VOCABULARY_FILE)
    for name in ("captions", "examples"):
        Normalizer((("lower",),)).save(tmp_path / name)
    own_photos.save(examples)
    np.save(tmp_path / "matrix" / MATRIX_FILE, matrix)
    coverage = {"source": "glove.txt", "width": 4, "found": 5}
    (tmp_path / "matrix" / COVERAGE_FILE).write_text(json.dumps(coverage))
    for name in ("captions", "examples", "matrix"):
        write_checksums(tmp_path / name)
    settings = make_settings(
        epochs=1, experiment="tests", checkpoints=str(tmp_path / "own"), training_data="stream"
    )
    # A run's file also has the settings of the other steps.
    config = tmp_path / "run.yaml"
    config.write_text(yaml.safe_dump({**settings.model_dump(), "beam_width": 5}))
    return [
        *(f"--{name}={tmp_path / name}" for name in ("examples", "captions", "matrix")),
        f"--model={tmp_path / 'model'}",
        f"--config={config}",
    ]


def test_a_worker_alone_writes_the_model(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["worker", *arguments])
    worker.main()
    training = read_json(tmp_path / "model" / TRAINING_FILE)
    assert len(training["history"]) == 1
    # The model is at its destination: the checkpoint is no longer needed.
    assert not list((tmp_path / "own").iterdir())
    # MLflow has all settings of the run, as for a training in the pipeline.
    assert MlflowClient().get_run(training["mlflow_run_id"]).data.params["beam_width"] == "5"
    stored = MlflowClient().download_artifacts(
        training["mlflow_run_id"], RUN_CONFIG_FILE, str(tmp_path)
    )
    assert yaml.safe_load(Path(stored).read_text())["beam_width"] == 5


def test_a_worker_that_ended_before_the_model_was_uploaded_does_not_train_again(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["worker", *arguments])
    # A folder with files of others is not replaced by the model.
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "letter.txt").write_text("Dear all")
    with pytest.raises(SystemExit):
        worker.main()
    [checkpoint] = (tmp_path / "own").iterdir()
    with np.load(checkpoint) as arrays:
        progress = json.loads(str(arrays["progress"]))
    (tmp_path / "model" / "letter.txt").unlink()

    worker.main()

    training = read_json(tmp_path / "model" / TRAINING_FILE)
    # Also the epoch's duration is that of the first start.
    assert training["history"] == progress["history"]
    assert training["mlflow_run_id"] == progress["run_id"]
    assert not checkpoint.exists()


def test_several_workers_with_checkpoints_on_a_local_disk_are_refused(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["worker", *arguments])
    monkeypatch.setattr(workers, "join_workers", lambda: Workers(0, 2))
    with pytest.raises(SystemExit) as exit_info:
        worker.main()
    assert exit_info.value.code
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("FAILED")
    for fact in ("2 workers", str(tmp_path / "own"), "gs://", "--shared-checkpoints"):
        assert fact in line
    assert not (tmp_path / "own").exists()


def test_a_worker_without_its_gpu_fails_instead_of_training_on_the_cpu(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    available = len(tf.config.list_physical_devices("GPU"))
    monkeypatch.setattr(sys, "argv", ["worker", *arguments, f"--worker-gpus={available + 1}"])
    with pytest.raises(SystemExit) as exit_info:
        worker.main()
    assert exit_info.value.code == SettingError.exit_code
    line = capsys.readouterr().out.splitlines()[-1]
    for fact in (f"worker_gpus is {available + 1}", f"finds {available}", "worker_image"):
        assert fact in line
    # The names for a training in one pod.
    assert "train_image" not in line
    assert not (tmp_path / "model").exists()


def test_a_worker_with_a_damaged_artifact_fails_in_one_line(
    arguments: list[str],
    train_examples: Examples,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "matrix" / MATRIX_FILE).write_bytes(b"")
    monkeypatch.setattr(sys, "argv", ["worker", *arguments])
    with pytest.raises(SystemExit) as exit_info:
        worker.main()
    assert exit_info.value.code
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("FAILED") and MATRIX_FILE in line
