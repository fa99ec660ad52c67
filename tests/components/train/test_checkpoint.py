from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from components.train.checkpoint import (
    TrainingState,
    remove_checkpoint,
    restore_checkpoint,
    save_checkpoint,
)


def _network(units: int = 3) -> keras.Model:
    network = keras.Sequential(
        [keras.layers.Input((2,)), keras.layers.Dropout(0.5, seed=1), keras.layers.Dense(units)]
    )
    network.compile(optimizer="adam", loss="mse")
    network.optimizer.build(network.trainable_variables)
    return network


def _epoch(dev: float) -> dict[str, float]:
    return {"loss": 1.0, "word_loss": 1.0, "dev_word_loss": dev, "learning_rate": 0.1, "seconds": 1}


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, keras.Model]:
    network = _network()
    network(np.ones((1, 2)), training=True)  # advances the dropout seed
    state = TrainingState("a run")
    state.finish_epoch(_epoch(2.0), network)
    path = tmp_path / "checkpoint.npz"
    save_checkpoint(path, network, state)
    return path, network


def test_restore_checkpoint_restores_weights_seeds_optimizer_and_history(
    saved: tuple[Path, keras.Model],
) -> None:
    path, network = saved
    other = _network()
    state = restore_checkpoint(path, other)
    assert state is not None
    assert (state.run_id, state.history) == ("a run", [_epoch(2.0)])
    for one, same in zip(network.variables, other.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(same))
    assert len(other.optimizer.variables) > 2


def test_restore_checkpoint_that_is_missing_invalid_or_of_another_network_returns_none(
    saved: tuple[Path, keras.Model], tmp_path: Path
) -> None:
    path, network = saved
    before = [np.asarray(variable) for variable in network.variables]
    assert restore_checkpoint(tmp_path / "none.npz", network) is None
    assert restore_checkpoint(path, _network(units=4)) is None
    path.write_bytes(path.read_bytes()[:-200])
    assert restore_checkpoint(path, network) is None
    for one, same in zip(before, network.variables, strict=True):
        np.testing.assert_array_equal(one, np.asarray(same))


def test_checkpoint_is_kept_wherever_its_path_leads(store: Any) -> None:
    network = _network()
    path = f"{store.uri}/checkpoints/a.npz"
    for run in ("one", "two"):
        state = TrainingState(run)
        state.finish_epoch(_epoch(2.0), network)
        save_checkpoint(path, network, state)
    assert list(store.content()) == ["checkpoints/a.npz"]
    state = restore_checkpoint(path, _network())
    assert state is not None
    assert state.run_id == "two"
    for _ in range(2):
        remove_checkpoint(path)
        assert restore_checkpoint(path, _network()) is None


def test_training_state_keeps_the_weights_of_the_first_best_epoch() -> None:
    network = _network()
    state = TrainingState("a run")
    assert not state.exhausted(1)
    for number, dev in enumerate((3.0, 2.0, 2.0, 2.5)):
        network.layers[-1].bias.assign([number] * 3)
        state.finish_epoch(_epoch(dev), network)
    assert state.best_epoch == 1
    assert any(np.array_equal(values, [1, 1, 1]) for values in state.best_weights)
    assert state.exhausted(2)
    assert not state.exhausted(3)
