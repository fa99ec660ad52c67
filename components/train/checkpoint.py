"""The checkpoint of a training: one file, whole or absent, that brings everything back.

It lies in a folder, or in a bucket (`gs://`, `s3://`), where another machine finds it too.
"""

import json
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from components.storage.transfer import exists, local_copy, remove, upload

#: One epoch's figures: `loss`, `word_loss`, `dev_word_loss`, `learning_rate`, `seconds`.
Epoch = dict[str, float]


@dataclass
class TrainingState:
    """What a training has come to.

    Attributes:
        run_id: The MLflow run that its figures go to.
        history: The epochs done.
        best_weights: The network's variables after the epoch of the lowest dev loss.
    """

    run_id: str
    history: list[Epoch] = field(default_factory=list)
    best_weights: list[np.ndarray] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        """The epoch of the lowest dev loss, counted from 0; the first of equals."""
        return int(np.argmin([epoch["dev_word_loss"] for epoch in self.history]))

    def exhausted(self, patience: int) -> bool:
        """Returns whether the last `patience` epochs brought no lower dev loss."""
        return bool(self.history) and len(self.history) - 1 - self.best_epoch >= patience

    def finish_epoch(self, epoch: Epoch, network: keras.Model) -> None:
        """Adds an epoch's figures, and keeps its weights if they are the best so far."""
        self.history.append(epoch)
        if self.best_epoch == len(self.history) - 1:
            self.best_weights = _values(network)


def save_checkpoint(path: Path | str, network: keras.Model, state: TrainingState) -> None:
    """Writes network, optimizer, dropout seeds and state to one `.npz`, whole or not at all.

    Args:
        path: A local path or one in a bucket. What was there stays until the new one is whole.
        network: In training.
        state: What the training has come to.

    Raises:
        SettingError, CaptionflowError: As `storage.transfer.upload`.
    """
    arrays = {
        **_numbered("network", _values(network)),
        **_numbered("optimizer", [np.asarray(v) for v in network.optimizer.variables]),
        **_numbered("best", state.best_weights),
    }
    facts = json.dumps({"run_id": state.run_id, "history": state.history})
    arrays["facts"] = np.array(facts)
    with tempfile.TemporaryDirectory(prefix="captionflow-checkpoint-") as temporary:
        copy = Path(temporary, "checkpoint.npz")
        np.savez(copy, allow_pickle=False, **arrays)
        upload(copy, str(path))


def restore_checkpoint(path: Path | str, network: keras.Model) -> TrainingState | None:
    """Brings a compiled network back to where a checkpoint was written.

    Args:
        path: Written by `save_checkpoint`; a local path or one in a bucket.
        network: Built like the one that was saved.

    Returns:
        The state; None if there is no checkpoint, or it is of another network or broken: then
        the network is as it was, and training begins anew.

    Raises:
        SettingError, CaptionflowError: As `storage.transfer.local_copy`.
    """
    if not exists(str(path)):
        return None
    with tempfile.TemporaryDirectory(prefix="captionflow-checkpoint-") as temporary:
        return _restore(local_copy(str(path), Path(temporary)), network)


def remove_checkpoint(path: Path | str) -> None:
    """Removes a checkpoint, local or in a bucket; one that is not there is no error.

    Raises:
        SettingError, CaptionflowError: As `storage.transfer.remove`.
    """
    remove(str(path))


def restore_best(network: keras.Model, state: TrainingState) -> None:
    """Gives the network the weights of its best epoch."""
    _assign(network.variables, state.best_weights)


def _restore(path: Path, network: keras.Model) -> TrainingState | None:
    network.optimizer.build(network.trainable_variables)
    try:
        with np.load(path) as arrays:
            facts: dict[str, Any] = json.loads(str(arrays["facts"]))
            saved = {
                kind: [arrays[name] for name in arrays.files if name.startswith(f"{kind}_")]
                for kind in ("network", "optimizer", "best")
            }
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return None
    for variables, values in (
        (network.variables, saved["network"]),
        (network.optimizer.variables, saved["optimizer"]),
    ):
        if [tuple(v.shape) for v in variables] != [value.shape for value in values]:
            return None
    _assign(network.variables, saved["network"])
    _assign(network.optimizer.variables, saved["optimizer"])
    return TrainingState(facts["run_id"], facts["history"], saved["best"])


def _values(network: keras.Model) -> list[np.ndarray]:
    # `variables` holds the dropout layers' seed states too: without them a resumed training
    # would drop other units than an unbroken one.
    return [np.asarray(variable) for variable in network.variables]


def _numbered(kind: str, values: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{kind}_{index:04d}": value for index, value in enumerate(values)}


def _assign(variables: list[Any], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
