"""Training: ours against plain Keras and against the tutorials' recipe.

Round by round, one after the other: plain Keras, the tutorials' recipe, ours. Each has a process of
its own, since ours sets precision and determinism for the whole of one. All three go through the
same random share of the photos with all their captions; what they took is scaled to the full epoch
by the number of captions, and the steps that compile are not counted. Ratios are taken within a
round; the table shows their median and range.

    .venv/bin/python tests/benchmarks/training.py
"""

import argparse
from pathlib import Path
from statistics import median

import our_trainer
import plain_keras
import tutorial_recipe
from data import FEATURES, FLICKR8K, GLOVE, glove_matrix, load_examples, sample_photos
from machine import describe_machine, matmul_gflops
from processes import alone, as_step
from rich.console import Console
from rich.table import Table

from components.artifacts.examples import Examples
from components.captioning.model.initialization import EMBEDDING_INIT_STD, random_projection
from components.train.devices import precision_policy

PLAIN, TUTORIAL, OURS = "plain Keras", "tutorials' recipe", "captionflow"
_GOALS = {PLAIN: 2.0, TUTORIAL: 7.0}
_DEV_PHOTOS = 20
# What Keras' policies multiply in.
_COMPUTING = {
    "float32": "float32",
    "mixed_bfloat16": "bfloat16",
    "mixed_float16": "float16",
}


def main() -> None:
    """Measures, and shows the tables."""
    given = _arguments()
    console = Console(width=110)
    examples, vocabulary = load_examples(given.dataset, given.features)
    matrix = glove_matrix(vocabulary, given.glove)
    changed = {"units": given.units} if given.units else {}
    # One member: the baselines have no more. Several cost as many times as much.
    settings = our_trainer.our_settings(
        ensemble_size=1,
        epochs=given.epochs,
        patience=given.epochs,
        batch_size=given.batch_size,
        precision=given.precision,
        **changed,
    )
    computing = _COMPUTING[precision_policy(settings.precision)]
    # As our trainer does with GloVe's, for a first member.
    width = settings.embedding_width or matrix.shape[1]
    wide = random_projection(matrix, width, settings.seed, EMBEDDING_INIT_STD)
    full = examples["train"]
    train = sample_photos(full, given.share)
    if _captions(train) < given.batch_size:
        raise SystemExit(f"--share must give a batch of captions. Received: {given.share}")
    dev = sample_photos(examples["dev"], _DEV_PHOTOS / len(examples["dev"].image_ids))
    longest = given.prefix or max(len(ids) + 1 for captions in full.tokens for ids in captions)
    scale = _captions(full) / _captions(train)

    peaks: dict[str, list[float]] = {PLAIN: [], OURS: []}
    seconds: dict[str, list[float]] = {PLAIN: [], TUTORIAL: [], OURS: []}
    for _ in range(given.rounds):
        peaks[PLAIN].append(matmul_gflops(given.product))
        peaks[OURS].append(matmul_gflops(given.product, dtype=computing))
        plain = alone(
            plain_keras.seconds_an_epoch,
            *(train, wide),
            units=settings.units,
            batch_size=settings.batch_size,
            concatenate=given.concatenate,
        )
        tutorial = alone(tutorial_recipe.seconds_an_epoch, train, len(vocabulary), longest=longest)
        ours = as_step(our_trainer.train_ours, train, dev, matrix, settings)
        for name, took in ((PLAIN, plain), (TUTORIAL, tutorial), (OURS, ours.seconds)):
            seconds[name].append(took * scale)
    console.print(describe_machine())
    console.print(
        f"{_captions(full)} captions an epoch, vocabulary {len(vocabulary)}, batches of "
        f"{settings.batch_size}, prefixes of {longest}, captionflow in {computing}; "
        f"{given.share:.1%} of the photos, {given.rounds} rounds"
    )
    flop = {
        PLAIN: plain_keras.flop_a_word(
            settings.units, wide.shape[1], len(vocabulary), concatenate=given.concatenate
        ),
        OURS: ours.flop_a_word,
    }
    best = {name: max(found) for name, found in peaks.items()}
    console.print(_speeds(seconds, full, settings.max_words, flop, best))
    console.print(_ratios(seconds))
    console.print(
        f"captionflow's network: {settings.decoder}, {settings.units} units, words of "
        f"{wide.shape[1]} numbers, {ours.weights} weights"
    )


def _speeds(
    seconds: dict[str, list[float]],
    full: Examples,
    max_words: int,
    flop: dict[str, float],
    peaks: dict[str, float],
) -> Table:
    """Returns the table of what each reaches; the word after the last one, END, counts as one."""
    words = sum(min(len(ids), max_words) + 1 for captions in full.tokens for ids in captions)
    table = Table(title="Training, medians of the rounds")
    for column in (
        *("", "s an epoch", "captions/s", "words/s", "MFLOP a word", "GFLOP/s on words", "peak"),
        "share",
    ):
        table.add_column(column, justify="right" if column else "left")
    for name, rounds in seconds.items():
        took = median(rounds)
        row = [name, f"{took:.1f}", f"{_captions(full) / took:.0f}", f"{words / took:.0f}"]
        if name in flop:
            reached = flop[name] * words / took / 1e9
            row += [f"{flop[name] / 1e6:.1f}", f"{reached:.1f}"]
            row += [f"{peaks[name]:.0f}", f"{reached / peaks[name]:.0%}"]
        table.add_row(*row)
    return table


def _ratios(seconds: dict[str, list[float]]) -> Table:
    table = Table(title="captionflow is faster than")
    for column in ("", "times (median)", "in the rounds", "goal"):
        table.add_column(column, justify="right" if column else "left")
    for name, goal in _GOALS.items():
        ratios = [theirs / ours for theirs, ours in zip(seconds[name], seconds[OURS], strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        table.add_row(name, f"{median(ratios):.2f}", spread, f"{goal:.1f}")
    return table


def _captions(examples: Examples) -> int:
    return sum(map(len, examples.tokens))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dataset", type=Path, default=FLICKR8K, help="Flickr8k's folder")
    parser.add_argument("--features", type=Path, default=FEATURES, help=".npz of names and x")
    parser.add_argument("--glove", type=Path, default=GLOVE, help="GloVe's text")
    parser.add_argument("--share", type=float, default=0.1, help="of the photos, 0 to 1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4, help="of ours, 2 or more")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument(
        "--precision", choices=("auto", "float32", "mixed"), default="auto", help="of captionflow"
    )
    parser.add_argument("--units", type=int, help="instead of the preset's")
    parser.add_argument(
        "--concatenate", action="store_true", help="plain Keras: the photo beside each word"
    )
    parser.add_argument(
        "--prefix", type=int, help="tutorials' recipe: places of a prefix; else the longest caption"
    )
    parser.add_argument("--product", type=int, default=3072, help="n of the matrix product")
    return parser.parse_args()


if __name__ == "__main__":
    main()
