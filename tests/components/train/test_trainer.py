import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from mlflow import MlflowClient
from warm_processes import start_warm

from components.artifacts.examples import Examples, ExampleShards
from components.captioning.decoding.search import DecodingConfig, search_alternatives
from components.captioning.model.initialization import random_projection
from components.captioning.model.vocabulary import END
from components.errors import SettingError
from components.registry.runs import start_run
from components.settings.train import TrainSettings
from components.train import data
from components.train.data import Split
from components.train.trainer import fit_network

Settings = Callable[..., TrainSettings]
Fit = Callable[..., Any]


@pytest.fixture
def fit(
    train_examples: Examples,
    dev_examples: Examples,
    matrix: np.ndarray,
    mlflow_root: Path,
    tmp_path: Path,
) -> Iterator[Fit]:
    def run(
        settings: TrainSettings,
        checkpoint: str = "one.npz",
        train: Split = train_examples,
        dev: Split = dev_examples,
        matrix: np.ndarray = matrix,
    ) -> Any:
        return fit_network(
            train,
            dev,
            matrix,
            settings,
            checkpoint=tmp_path / checkpoint,
            start_run=lambda: start_run("tests", "run", {}),
        )

    yield run
    # Training sets the dtype policy of the process, which continues with other tests.
    keras.config.set_dtype_policy("float32")


def _losses(state: Any) -> list[tuple[float, float]]:
    return [(epoch["loss"], epoch["dev_word_loss"]) for epoch in state.history]


@pytest.mark.parametrize("precision", ["float32", "mixed"])
def test_fit_network_learns_to_distinguish_photos(
    fit: Fit, make_settings: Settings, dev_examples: Examples, precision: str
) -> None:
    network, state = fit(make_settings(epochs=25, dropout=0.0, patience=25, precision=precision))
    assert {weights.dtype for weights in network.trainable_variables} == {"float32"}
    assert state.history[-1]["dev_word_loss"] < 0.5 * state.history[0]["dev_word_loss"]
    tokens, _ = search_alternatives(network, dev_examples.features, DecodingConfig(3, 1.0, 6))
    captions = {tuple(row[: list(row).index(END)]) for row in tokens[:, 0].tolist()}
    assert captions <= {(4, 5), (4, 5, 7), (4, 6), (4, 6, 8, 8)}
    assert len(captions) > 1


def test_fit_network_twice_gives_the_same_losses(fit: Fit, make_settings: Settings) -> None:
    first, second = fit(make_settings(), "one.npz"), fit(make_settings(), "two.npz")
    assert _losses(first[1]) == _losses(second[1])
    other = fit(make_settings(seed=4), "three.npz")
    assert _losses(first[1]) != _losses(other[1])


def _assert_same_weights(one: Any, other: Any) -> None:
    for weights, same in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, same)


def test_fit_network_from_disk_equals_training_in_memory(
    fit: Fit, make_settings: Settings, train_shards: ExampleShards, dev_shards: ExampleShards
) -> None:
    in_memory, expected = fit(make_settings())
    network, state = fit(make_settings(), "stream.npz", train_shards, dev_shards)
    # The order of dev differs, and with it the rounding of a sum.
    assert _losses(state) == [pytest.approx(losses, rel=1e-6) for losses in _losses(expected)]
    assert [epoch["loss"] for epoch in state.history] == [
        epoch["loss"] for epoch in expected.history
    ]
    _assert_same_weights(network, in_memory)


def test_fit_network_resumed_after_a_kill_equals_uninterrupted_training(
    fit: Fit,
    make_settings: Settings,
    train_shards: ExampleShards,
    dev_shards: ExampleShards,
    matrix: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = make_settings()
    monkeypatch.setattr(data, "SHARDS_PER_POOL", 2)
    uninterrupted, expected = fit(settings, "uninterrupted.npz", train_shards, dev_shards)
    np.save(tmp_path / "matrix.npy", matrix)
    (tmp_path / "settings.json").write_text(json.dumps(settings.model_dump()))
    script = Path(__file__).with_name("training_process.py")
    # Between two epochs, and within one.
    for steps in (0, 4):
        checkpoint = f"killed-{steps}.npz"
        killed = start_warm(script, tmp_path, tmp_path / checkpoint, steps, log=tmp_path / "log")
        killed.join()
        assert killed.exitcode == -signal.SIGKILL, (tmp_path / "log").read_text()

        resumed, state = fit(settings, checkpoint, train_shards, dev_shards)

        assert _losses(state) == _losses(expected), steps
        _assert_same_weights(resumed, uninterrupted)
        # The metrics of both parts are in one MLflow run, once per epoch.
        logged = MlflowClient().get_metric_history(state.run_id, "dev_word_loss")
        assert [metric.step for metric in logged] == [1, 2, 3, 4]


def test_fit_network_without_smoothing_reports_the_loss_it_minimises(
    fit: Fit, make_settings: Settings
) -> None:
    # One batch per epoch: the mean over the batch is the mean over all tokens.
    _, state = fit(make_settings(batch_size=48, epochs=1))
    assert state.history[0]["loss"] == pytest.approx(state.history[0]["word_loss"], rel=1e-5)
    _, smoothed = fit(make_settings(batch_size=48, epochs=1, label_smoothing=0.5), "two.npz")
    assert smoothed.history[0]["loss"] != pytest.approx(smoothed.history[0]["word_loss"], rel=1e-3)


def test_fit_network_stops_early_and_keeps_the_best_epoch(
    fit: Fit, make_settings: Settings
) -> None:
    settings = make_settings(epochs=60, learning_rate=0.3, schedule="constant", patience=2)
    _, state = fit(settings)
    dev = [epoch["dev_word_loss"] for epoch in state.history]
    assert len(dev) < 60
    assert state.best_epoch == int(np.argmin(dev)) == len(dev) - 3


def test_fit_network_standardizes_features_by_the_train_split(
    fit: Fit, make_settings: Settings, train_examples: Examples
) -> None:
    network, _ = fit(make_settings(epochs=1))
    features = train_examples.features.astype(np.float64)
    np.testing.assert_allclose(network.standardize.mean, features.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(network.standardize.scale, 1 / features.std(axis=0), rtol=1e-5)


def test_fit_network_initializes_wider_embeddings_by_projecting_glove(
    fit: Fit, make_settings: Settings, matrix: np.ndarray
) -> None:
    network, _ = fit(make_settings(epochs=1, embedding_width=6, train_embeddings=False))
    np.testing.assert_array_equal(
        network.decoders[0].embedding.embeddings, random_projection(matrix, 6, seed=3, std=0.1)
    )


@pytest.mark.parametrize("trained", [False, True])
def test_fit_network_trains_embeddings_only_if_set(
    fit: Fit, make_settings: Settings, matrix: np.ndarray, trained: bool
) -> None:
    network, _ = fit(make_settings(epochs=1, train_embeddings=trained))
    assert np.array_equal(network.decoders[0].embedding.embeddings, matrix) is not trained


def test_fit_network_with_a_non_finite_loss_names_the_setting(
    fit: Fit, make_settings: Settings, matrix: np.ndarray
) -> None:
    broken = matrix.copy()
    broken[4] = np.nan
    with pytest.raises(SettingError, match=r"epoch 1: train nan, dev nan\. Lower learning_rate"):
        fit(make_settings(), matrix=broken)


def test_fit_network_on_two_devices(tmp_path: Path) -> None:
    script = Path(__file__).with_name("two_devices_process.py")
    ended = start_warm(script, tmp_path / "checkpoint.npz", log=tmp_path / "log")
    ended.join()
    log = (tmp_path / "log").read_text()
    assert ended.exitcode == 0, log[-2000:]
    assert "trained on 2" in log, log[-2000:]
