"""Benchmark of `CpuLSTM` against Keras's own loop: an epoch of our training with each.

In each round both train the same network on the same photos, one after the other, each in a
separate process; the ratio is computed within the round. `CpuLSTM` is worth its hand-written
gradient as long as it saves a tenth of an epoch on a processor with AVX-512.

    .venv/bin/python tests/benchmarks/lstm.py
"""

import argparse
from statistics import median
from typing import Any

from data import add_data_options, glove_matrix, load_examples, sample_photos
from keras import layers
from machine import describe_machine
from our_trainer import Ours, our_settings, train_ours
from processes import as_step
from rich.console import Console

from components.captioning.model.cpu_lstm import CpuLSTM

_WORTH = 0.1


def train_with_keras_loop(*arguments: Any) -> Ours:
    """Trains like `our_trainer.train_ours`, with Keras's loop in this process."""
    CpuLSTM.inner_loop = layers.LSTM.inner_loop
    return train_ours(*arguments)


def main() -> None:
    """Runs the measurements, and prints the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_data_options(parser)
    parser.add_argument("--share", type=float, default=0.1, help="share of the photos, 0 to 1")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=4, help="at least 2: the first compiles")
    parser.add_argument("--precision", choices=("auto", "float32", "mixed"), default="auto")
    args = parser.parse_args()
    examples, vocabulary = load_examples(args.dataset, args.features)
    train, dev = (sample_photos(examples[split], args.share) for split in ("train", "dev"))
    matrix = glove_matrix(vocabulary, args.glove)
    settings = our_settings(
        ensemble_size=1, epochs=args.epochs, patience=args.epochs, precision=args.precision
    )
    console = Console(width=110)
    console.print(describe_machine())
    saved = []
    for number in range(1, args.rounds + 1):
        keras_loop = as_step(train_with_keras_loop, train, dev, matrix, settings).seconds
        ours = as_step(train_ours, train, dev, matrix, settings).seconds
        saved.append(1 - ours / keras_loop)
        console.print(
            f"round {number}: Keras's loop {keras_loop:.1f} s, CpuLSTM {ours:.1f} s an epoch, "
            f"{saved[-1]:.1%} saved"
        )
    verdict = "stays" if median(saved) >= _WORTH else "can go"
    console.print(
        f"median {median(saved):.1%} ({min(saved):.1%} to {max(saved):.1%}) saved of an epoch; "
        f"below {_WORTH:.0%} it can go: it {verdict}"
    )


if __name__ == "__main__":
    main()
