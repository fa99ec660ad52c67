"""Trains in a process of its own, as one of the workers in `TF_CONFIG`, and may kill itself.

Arguments: the folder with examples, matrix and settings, to which losses and weights are written;
the checkpoint; and for a process that kills itself, the finished steps of the second epoch.
"""

import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

from components.artifacts.examples import ExampleShards
from components.registry.runs import start_run
from components.settings.train import TrainSettings
from components.train import callbacks, data
from components.train.callbacks import Progress
from components.train.trainer import fit_network
from components.train.workers import join_workers


def _kill_after(steps: int) -> None:
    save = Progress._save

    def save_then_die(self: Progress) -> None:
        save(self)
        if len(self._state.history) == 1 and self._state.step == steps:
            os.kill(os.getpid(), signal.SIGKILL)

    Progress._save = save_then_die


def _round_dev_loss_differently(rank: int) -> None:
    """Makes the dev loss of all workers but the chief fall more slowly, and then rise."""
    end = Progress.on_epoch_end

    def end_with_other_loss(self: Progress, epoch: int, logs: Any = None) -> None:
        end(self, epoch, {**logs, "val_word_loss": logs["val_word_loss"] + rank * epoch})

    Progress.on_epoch_end = end_with_other_loss


def main(folder: Path, checkpoint: Path, steps: str = "") -> None:
    logging.basicConfig(level=logging.INFO)
    workers = join_workers()
    _round_dev_loss_differently(workers.rank)
    callbacks._SECONDS_BETWEEN_CHECKPOINTS = 0
    data.SHARDS_PER_POOL = 2
    if steps:
        _kill_after(int(steps))
    network, state = fit_network(
        ExampleShards(folder, "train"),
        ExampleShards(folder, "dev"),
        np.load(folder / "matrix.npy"),
        TrainSettings(**json.loads((folder / "settings.json").read_text())),
        checkpoint=checkpoint,
        start_run=lambda: start_run("tests", "process", {}),
        workers=workers,
    )
    losses = [
        (epoch["loss"], epoch["word_loss"], epoch["dev_word_loss"]) for epoch in state.history
    ]
    (folder / f"losses-{workers.rank}.json").write_text(json.dumps(losses))
    np.savez(folder / f"weights-{workers.rank}.npz", *network.get_weights(), allow_pickle=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
