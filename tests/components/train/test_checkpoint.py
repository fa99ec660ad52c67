import zipfile
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


def test_restore_checkpoint_that_is_missing_returns_none_and_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert restore_checkpoint(tmp_path / "none.npz", _network()) is None
    assert not caplog.records


def test_restore_checkpoint_of_another_network_returns_none_and_says_so(
    saved: tuple[Path, keras.Model], caplog: pytest.LogCaptureFixture
) -> None:
    path, _ = saved
    assert restore_checkpoint(path, _network(units=4)) is None
    assert f"{path} can't be used: it is of another network" in caplog.text


def _positions(path: Path) -> list[int]:
    """Places in the first, a middle and the last array of a checkpoint, and in its directory."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        ends = [entry.header_offset - 1 for entry in entries[1:]] + [archive.start_dir - 1]
        return [ends[0], ends[len(ends) // 2], ends[-1], archive.start_dir]


@pytest.mark.parametrize("place", [0, 1, 2, 3, "truncated", "empty", "text"])
def test_restore_checkpoint_that_is_damaged_changes_nothing_and_says_so(
    saved: tuple[Path, keras.Model], caplog: pytest.LogCaptureFixture, place: int | str
) -> None:
    path, network = saved
    before = [np.asarray(variable) for variable in network.variables]
    content = bytearray(path.read_bytes())
    match place:
        case int():
            content[_positions(path)[place]] ^= 1
        case "truncated":
            content = content[:-200]
        case "empty":
            content = bytearray()
        case _:
            content = bytearray(b"no checkpoint")
    path.write_bytes(content)
    assert restore_checkpoint(path, network) is None
    assert f"{path} can't be used: it is damaged" in caplog.text
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
