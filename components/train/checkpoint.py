"""Training checkpoints: one file from which training resumes exactly.

A checkpoint is written atomically, to a local folder, or to a bucket (`gs://`, `s3://`) that other
machines can read. It is a zip, with a CRC-32 of each array, so damage is noticed when it is read.
"""

import json
import logging
import struct
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from components.errors import ARCHIVE_ERRORS
from components.storage.transfer import exists, local_copy, remove
from components.storage.upload import upload

logger = logging.getLogger(__name__)

#: The metrics of one epoch: `loss`, `word_loss`, `dev_word_loss`, `learning_rate`, `seconds`.
Epoch = dict[str, float]


@dataclass
class TrainingState:
    """The progress of a training run.

    Attributes:
        run_id: The MLflow run to which metrics are logged.
        history: The finished epochs.
        best_weights: The network's variables after the epoch with the lowest dev loss.
        step: Finished steps of the unfinished epoch.
        seconds: Duration of these steps.
        metrics: Values of the metrics' variables after these steps, summed over all workers.
    """

    run_id: str
    history: list[Epoch] = field(default_factory=list)
    best_weights: list[np.ndarray] = field(default_factory=list)
    step: int = 0
    seconds: float = 0.0
    metrics: list[np.ndarray] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        """The first epoch with the lowest dev loss, counted from 0."""
        return int(np.argmin([epoch["dev_word_loss"] for epoch in self.history]))

    def exhausted(self, patience: int) -> bool:
        """Returns whether the dev loss has not fallen for `patience` epochs."""
        return bool(self.history) and len(self.history) - 1 - self.best_epoch >= patience

    def finish_epoch(self, epoch: Epoch, network: keras.Model) -> None:
        """Appends an epoch's metrics, and keeps its weights if they are the best so far."""
        self.history.append(epoch)
        self.step, self.seconds, self.metrics = 0, 0.0, []
        if self.best_epoch == len(self.history) - 1:
            self.best_weights = _values(network.variables)

    def finish_steps(self, step: int, seconds: float, metrics: list[np.ndarray]) -> None:
        """Records the progress of the unfinished epoch, with its metrics so far."""
        self.step, self.seconds, self.metrics = step, seconds, metrics

    def add_metrics(self, network: keras.Model) -> None:
        """Adds the sums and counts of these steps to those of the network's metrics."""
        for variable, value in zip(network.metrics_variables, self.metrics, strict=True):
            variable.assign_add(value)


def save_checkpoint(path: Path | str, network: keras.Model, state: TrainingState) -> None:
    """Writes network, optimizer, dropout seeds and training state to one `.npz`, atomically.

    Args:
        path: A local path or one in a bucket. An existing checkpoint is replaced only when the new
            one is complete.
        network: The compiled network.
        state: The progress of training.

    Raises:
        SettingError, CaptionflowError: As `storage.upload.upload`.
    """
    arrays = {
        # `variables` includes the seed states of the dropout layers: without them, resumed training
        # would drop different units from those of uninterrupted training.
        **_numbered("network", _values(network.variables)),
        **_numbered("optimizer", _values(network.optimizer.variables)),
        **_numbered("best", state.best_weights),
        **_numbered("metrics", state.metrics),
    }
    progress = {name: getattr(state, name) for name in ("run_id", "history", "step", "seconds")}
    arrays["progress"] = np.array(json.dumps(progress))
    with tempfile.TemporaryDirectory(prefix="captionflow-checkpoint-") as temporary:
        copy = Path(temporary, "checkpoint.npz")
        np.savez(copy, allow_pickle=False, **arrays)
        upload(copy, str(path))


def restore_checkpoint(path: Path | str, network: keras.Model) -> TrainingState | None:
    """Restores a compiled network from a checkpoint.

    Args:
        path: A local path or one in a bucket, written by `save_checkpoint`.
        network: Built like the one that was saved.

    Returns:
        The training state; None if there is no checkpoint, or if it is damaged or belongs to
        another network. The network is then unchanged, and the log says that training starts from
        the beginning.

    Raises:
        SettingError, CaptionflowError: As `storage.transfer.local_copy`.
    """
    if not exists(str(path)):
        return None
    with tempfile.TemporaryDirectory(prefix="captionflow-checkpoint-") as temporary:
        try:
            return _restore(local_copy(str(path), Path(temporary)), network)
        except _DamagedCheckpointError as error:
            logger.warning(
                "The checkpoint %s can't be used: %s. Training starts from the first epoch",
                path,
                error,
            )
            return None


def remove_checkpoint(path: Path | str) -> None:
    """Removes a checkpoint if it exists.

    Raises:
        SettingError, CaptionflowError: As `storage.transfer.remove`.
    """
    remove(str(path))


def restore_best(network: keras.Model, state: TrainingState) -> None:
    """Restores the network's weights after its best epoch."""
    _assign(network.variables, state.best_weights)


class _DamagedCheckpointError(Exception):
    """A checkpoint can't be used; the message says why."""


def _restore(path: Path, network: keras.Model) -> TrainingState:
    try:
        with np.load(path) as arrays:
            progress: dict[str, Any] = json.loads(str(arrays["progress"]))
            saved = {
                kind: [arrays[name] for name in arrays.files if name.startswith(f"{kind}_")]
                for kind in ("network", "optimizer", "best", "metrics")
            }
            state = TrainingState(**progress, best_weights=saved["best"], metrics=saved["metrics"])
    except (*ARCHIVE_ERRORS, TypeError, struct.error) as error:
        raise _DamagedCheckpointError(f"it is damaged ({error})") from error
    for variables, values in (
        (network.variables, saved["network"]),
        (network.optimizer.variables, saved["optimizer"]),
        (network.variables if state.history else [], saved["best"]),
    ):
        if [tuple(v.shape) for v in variables] != [value.shape for value in values]:
            raise _DamagedCheckpointError("it is of another network")
    _assign(network.variables, saved["network"])
    _assign(network.optimizer.variables, saved["optimizer"])
    return state


def _values(variables: list[Any]) -> list[np.ndarray]:
    return [np.asarray(variable) for variable in variables]


def _numbered(kind: str, values: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{kind}_{index:04d}": value for index, value in enumerate(values)}


def _assign(variables: list[Any], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
