"""Two workers on the loopback interface, each a process with a part of every batch."""

import json
import os
import re
import signal
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from warm_processes import start_warm

from components.artifacts.examples import ExampleShards
from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import build_network
from components.errors import SettingError
from components.registry.runs import start_run
from components.settings.train import TrainSettings
from components.train import data
from components.train.checkpoint import TrainingState
from components.train.trainer import _require_same_start, _separate_dropout, fit_network
from components.train.workers import ALONE, CLUSTER_VARIABLE, Workers, join_workers

SCRIPT = Path(__file__).with_name("training_process.py")
# Seconds: far more than the workers take, even on a busy machine.
PATIENCE = 1500


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "workers",
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"index": 2}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"index": "first"}}',
    ],
)
def test_join_workers_of_an_invalid_cluster_is_refused(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CLUSTER_VARIABLE, text)
    with pytest.raises(SettingError, match=CLUSTER_VARIABLE):
        join_workers()


def test_join_workers_without_a_cluster_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CLUSTER_VARIABLE, raising=False)
    assert join_workers() == ALONE == Workers(0, 1)


def test_workers_that_find_different_checkpoints_are_refused() -> None:
    class OneAhead(Workers):
        def sum(self, values: Sequence[Any]) -> list[np.ndarray]:
            return [2 * np.asarray(value) + 1 for value in values]

    state = TrainingState("run", history=[{"dev_word_loss": 1.0}], step=7)
    with pytest.raises(SettingError, match=r"checkpoints .*\[1\.0, 7\.0\] at worker 1"):
        _require_same_start(OneAhead(1, 2), state)


def test_each_worker_has_its_own_dropout() -> None:
    config = ModelConfig(9, 6, 4, 8, 0.5, True)
    inputs = {"features": np.ones((4, 6), np.float32), "tokens": np.ones((4, 2), np.int32)}
    outputs = []
    for rank in (0, 0, 1):
        network = build_network(config, seed=1)
        _separate_dropout(network, Workers(rank, 2))
        outputs.append(np.asarray(network(inputs, training=True)))
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert not np.allclose(outputs[0], outputs[2])


def _start(
    ports: list[int], rank: int, folder: Path, checkpoint: Path, *arguments: str
) -> BaseProcess:
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    config = {"cluster": cluster, "task": {"type": "worker", "index": rank}}
    environment = {**os.environ, CLUSTER_VARIABLE: json.dumps(config)}
    log = folder / f"log-{rank}"
    return start_warm(SCRIPT, folder, checkpoint, *arguments, log=log, environment=environment)


def _end(folder: Path, *workers: BaseProcess) -> list[str]:
    """Waits for the end of workers; returns what each has written."""
    for worker in workers:
        worker.join(PATIENCE)
    logs = [folder / f"log-{rank}" for rank in range(len(workers))]
    written = [log.read_text() for log in logs]
    for log in logs:
        log.unlink()
    return written


def test_two_workers_train_like_one_also_after_a_kill(
    make_settings: Callable[..., TrainSettings],
    fifty_captions: ExampleShards,
    dev_shards: ExampleShards,
    matrix: np.ndarray,
    mlflow_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    free_port: Callable[[], int],
) -> None:
    # Dropout differs from worker to worker, by intention. Without clipping, Keras squares the
    # gradients of an embedding row by row. The dev loss of the other worker soon rises, but what
    # the chief's does counts.
    settings = make_settings(dropout=0.0, clip_norm=0.0, batch_size=7, patience=1)
    np.save(tmp_path / "matrix.npy", matrix)
    (tmp_path / "settings.json").write_text(json.dumps(settings.model_dump()))
    monkeypatch.setattr(data, "SHARDS_PER_POOL", 2)
    network, state = fit_network(
        fifty_captions,
        dev_shards,
        matrix,
        settings,
        checkpoint=tmp_path / "one.npz",
        start_run=lambda: start_run("tests", "one", {}),
    )
    keras.config.set_dtype_policy("float32")

    checkpoint = tmp_path / "two.npz"
    ports = [free_port(), free_port()]
    chief = _start(ports, 0, tmp_path, checkpoint)
    other = _start(ports, 1, tmp_path, checkpoint, "4")
    [error, _] = _end(tmp_path, chief, other)
    assert other.exitcode == -signal.SIGKILL
    # The other worker's end does not leave it waiting for ever.
    assert chief.exitcode, error[-2000:]
    assert "aborted" in error or "unhealthy" in error, error[-2000:]
    assert not (tmp_path / "losses-0.json").exists()

    ports = [free_port(), free_port()]
    workers = [_start(ports, rank, tmp_path, checkpoint) for rank in (0, 1)]
    errors = _end(tmp_path, *workers)
    assert [worker.exitcode for worker in workers] == [0, 0], errors
    # The chief may not have finished step 4 when the other worker was killed.
    assert re.search(r"after epoch 1 and [34] steps", errors[0]), errors[0]

    assert len(state.history) == settings.epochs
    losses = [json.loads((tmp_path / f"losses-{rank}.json").read_text()) for rank in (0, 1)]
    assert losses[0] == losses[1]
    expected = [
        (epoch["loss"], epoch["word_loss"], epoch["dev_word_loss"]) for epoch in state.history
    ]
    # Keras's mean over batches gives the last one, with one caption, the weight of two.
    np.testing.assert_allclose(np.array(losses[0])[:, 0], np.array(expected)[:, 0], rtol=0.02)
    np.testing.assert_allclose(np.array(losses[0])[:, 1:], np.array(expected)[:, 1:], rtol=1e-5)
    for rank in (0, 1):
        with np.load(tmp_path / f"weights-{rank}.npz") as weights:
            for name, own in zip(weights.files, network.get_weights(), strict=True):
                np.testing.assert_allclose(weights[name], own, rtol=1e-3, atol=1e-5)
