"""Memory and speed of training from a stream, by number of photos.

For each number, shards with random features and captions are written, and the trainer of
`components/train` trains on them for two shortened epochs. The passes over all shards (counting
captions, standardization, the sample for reranking) are complete. Each training runs in its own
process.

    .venv/bin/python tests/benchmarks/streaming.py --photos 5996 100000 1000000

Only the first 16,000 photos are generated; the other shards are copies of theirs. A million photos
take 3 GB in the temporary folder.
"""

import argparse
import json
import shutil
import tempfile
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import tensorflow as tf
from machine import describe_machine
from our_trainer import fit_ours, our_settings
from processes import as_step, peak_memory
from rich.console import Console
from rich.table import Table

from components.artifacts.example_records import shard_count, shard_name, to_example
from components.artifacts.examples import Examples, ExampleShards
from components.artifacts.files import ENCODER_FILE
from components.settings.train import TrainSettings
from components.train.data import CaptionBatches
from components.train.sample import sample_photos

_WIDTH, _WORDS, _CAPTIONS = 1280, 2537, 5
_PHOTOS_A_SHARD, _DRAWN_SHARDS = 1000, 16
_DEV_PHOTOS = 20
_GLOVE_WIDTH = 50


@dataclass(frozen=True, slots=True)
class Outcome:
    """The cost of a training run.

    Attributes:
        start: Memory of the process before training, in MiB.
        peak: Peak memory of the process, in MiB.
        sample: Duration in seconds of the longest pass, which draws the sample for reranking.
        rate: Captions per second in the second epoch.
    """

    start: float
    peak: float
    sample: float
    rate: float


def main() -> None:
    """Runs the measurements, and prints the table."""
    args = _arguments()
    console = Console(width=110)
    console.print(describe_machine())
    settings = our_settings(
        ensemble_size=1, units=args.units, batch_size=args.batch_size, epochs=2, precision="float32"
    )
    table = Table(title=f"{args.steps} steps of {args.batch_size} captions, {args.units} units")
    for column in ("photos", "data", "shards", "MiB before", "MiB at most", "sample", "captions/s"):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory(prefix="captionflow-benchmark-") as temporary:
        folder = Path(temporary)
        for photos in sorted(args.photos):
            write_shards(folder, photos)
            size = ExampleShards(folder, "train").size
            for data in ("memory", "stream"):
                if data == "memory" and size > args.most_in_memory * 2**30:
                    continue
                outcome = as_step(train, folder, data, args.steps, settings)
                row = [f"{photos}", data, f"{size / 2**20:.0f} MiB", f"{outcome.start:.0f}"]
                row += [f"{outcome.peak:.0f}", f"{outcome.sample:.1f} s", f"{outcome.rate:.0f}"]
                console.print("  ".join(row))
                table.add_row(*row)
    console.print(table)


def write_shards(folder: Path, photos: int) -> None:
    """Writes the shards of the splits train and dev.

    Args:
        folder: Where they go; existing shards of other numbers of photos are renamed and kept.
        photos: Photos of train, rounded up to whole shards.
    """
    count = shard_count(photos)
    old = sorted(folder.glob("train-*.tfrecord"))
    for index, path in enumerate(old):
        path.rename(folder / shard_name("train", index, count))
    generator = np.random.default_rng(len(old))
    for index in range(len(old), count):
        path = folder / shard_name("train", index, count)
        if index < _DRAWN_SHARDS:
            _draw(path, _PHOTOS_A_SHARD, generator)
        else:
            shutil.copyfile(folder / shard_name("train", index % _DRAWN_SHARDS, count), path)
    (folder / ENCODER_FILE).write_text(json.dumps({"width": _WIDTH}))
    _draw(folder / shard_name("dev", 0, 1), _DEV_PHOTOS, generator)


def train(folder: Path, data: str, steps: int, settings: TrainSettings) -> Outcome:
    """Trains for two epochs of a number of steps, and draws the sample for reranking.

    Args:
        folder: The shards.
        data: `memory` or `stream`.
        steps: Maximum number of steps per epoch.
        settings: Training settings with two epochs.
    """
    start = peak_memory()
    shards = [ExampleShards(folder, split) for split in ("train", "dev")]
    train, dev = [each.read(each.paths) if data == "memory" else each for each in shards]
    matrix = np.random.default_rng(0).normal(size=(_WORDS, _GLOVE_WIDTH)).astype(np.float32)
    with _shortened(steps):
        done = CaptionBatches(
            train, batch_size=settings.batch_size, max_words=settings.max_words
        ).steps
        _, state = fit_ours(train, dev, matrix, settings)
    began = time.perf_counter()
    sample_photos(train.blocks(), settings.reranking_photos, settings.seed)
    seconds = time.perf_counter() - began
    rate = min(train.captions, done * settings.batch_size) / state.history[1]["seconds"]
    return Outcome(start, peak_memory(), seconds, rate)


def _shortened(steps: int) -> Any:
    """Returns a context in which no epoch has more than a number of steps."""
    count, batches = vars(CaptionBatches)["steps"].fget, CaptionBatches._epoch_batches
    return mock.patch.multiple(
        CaptionBatches,
        steps=property(lambda self: min(steps, count(self))),
        _epoch_batches=lambda self: islice(batches(self), steps),
    )


def _draw(path: Path, photos: int, generator: np.random.Generator) -> None:
    examples = Examples(
        image_ids=[f"{path.stem}-{photo:04d}.jpg" for photo in range(photos)],
        features=generator.normal(size=(photos, _WIDTH)).astype(np.float16),
        tokens=[
            tuple(
                tuple(generator.integers(4, _WORDS, generator.integers(6, 18)).tolist())
                for _ in range(_CAPTIONS)
            )
            for _ in range(photos)
        ],
        references=[("a dog runs over the green grass of a park",) * _CAPTIONS] * photos,
    )
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in zip(
            examples.image_ids,
            examples.features,
            examples.tokens,
            examples.references,
            strict=True,
        ):
            writer.write(to_example(*row))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=int, nargs="+", default=[5996, 100_000, 1_000_000])
    parser.add_argument("--steps", type=int, default=200, help="steps per epoch")
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--units", type=int, default=128, help="few, so that reading shows")
    parser.add_argument(
        "--most-in-memory", type=float, default=1, help="GiB up to which memory is measured too"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
