"""Benchmark of training: ours, plain Keras, and the recipe of popular tutorials.

In each round, plain Keras (in float32, and in the precision of ours), the tutorial recipe and ours
run one after the other, each in a separate process, because precision and determinism are set for a
whole process. All train on the same random sample of photos with all their captions; durations are
scaled to a full epoch by the number of captions, and exclude compilation. Ratios are computed
within a round; the table shows their median and range.

    .venv/bin/python tests/benchmarks/training.py
"""

import argparse
from statistics import median

import our_trainer
import plain_keras
import tutorial_recipe
from data import add_data_options, glove_matrix, load_examples, sample_photos
from machine import describe_machine, matmul_gflops
from processes import alone, as_step
from rich.console import Console
from rich.table import Table

from components.artifacts.examples import Examples
from components.captioning.model.initialization import EMBEDDING_INIT_STD, random_projection
from components.train.devices import precision_policy

PLAIN, SAME, TUTORIAL = "plain Keras, float32", "plain Keras, same precision", "tutorial recipe"
OURS = "captionflow"
_GOALS = {PLAIN: 3.5, SAME: 2.2, TUTORIAL: 7.0}
_DEV_PHOTOS = 20
# Dtypes of the matrix products of Keras's dtype policies.
_COMPUTE_DTYPES = {
    "float32": "float32",
    "mixed_bfloat16": "bfloat16",
    "mixed_float16": "float16",
}


def main() -> None:
    """Runs the measurements, and prints the tables."""
    args = _arguments()
    console = Console(width=110)
    examples, vocabulary = load_examples(args.dataset, args.features)
    matrix = glove_matrix(vocabulary, args.glove)
    changed = {"units": args.units} if args.units else {}
    # A single decoder, like the baselines; the cost is proportional to the ensemble size.
    settings = our_trainer.our_settings(
        ensemble_size=1,
        epochs=args.epochs,
        patience=args.epochs,
        batch_size=args.batch_size,
        precision=args.precision,
        **changed,
    )
    policy = precision_policy(settings.precision)
    compute_dtype = _COMPUTE_DTYPES[policy]
    # The initial embeddings of our first decoder.
    width = settings.embedding_width or matrix.shape[1]
    embeddings = random_projection(matrix, width, settings.seed, EMBEDDING_INIT_STD)
    full = examples["train"]
    train = sample_photos(full, args.share)
    if _captions(train) < args.batch_size:
        raise SystemExit(
            f"--share must be large enough for a batch of captions. Received: {args.share}"
        )
    dev = sample_photos(examples["dev"], _DEV_PHOTOS / len(examples["dev"].image_ids))
    longest = args.prefix or max(len(ids) + 1 for captions in full.tokens for ids in captions)
    scale = _captions(full) / _captions(train)

    # Plain Keras in float32 and in our precision; where they are equal, it is measured once.
    policies = {PLAIN: "float32", SAME: policy} if policy != "float32" else {SAME: "float32"}
    peaks: dict[str, list[float]] = {name: [] for name in (*policies, OURS)}
    seconds: dict[str, list[float]] = {name: [] for name in (*policies, TUTORIAL, OURS)}
    for _ in range(args.rounds):
        for name, baseline_policy in policies.items():
            dtype = _COMPUTE_DTYPES[baseline_policy]
            peaks[name].append(matmul_gflops(args.product, dtype=dtype))
            plain = alone(
                plain_keras.seconds_per_epoch,
                *(train, embeddings),
                units=settings.units,
                batch_size=settings.batch_size,
                policy=baseline_policy,
                concatenate=args.concatenate,
            )
            seconds[name].append(plain * scale)
        peaks[OURS].append(matmul_gflops(args.product, dtype=compute_dtype))
        tutorial = alone(tutorial_recipe.seconds_per_epoch, train, len(vocabulary), longest=longest)
        ours = as_step(our_trainer.train_ours, train, dev, matrix, settings)
        for name, duration in ((TUTORIAL, tutorial), (OURS, ours.seconds)):
            seconds[name].append(duration * scale)
    console.print(describe_machine())
    console.print(
        f"{_captions(full)} captions per epoch, vocabulary {len(vocabulary)}, batches of "
        f"{settings.batch_size}, prefixes of {longest}, captionflow in {compute_dtype}; "
        f"{args.share:.1%} of the photos, {args.rounds} rounds"
    )
    plain_flop = plain_keras.flop_per_word(
        settings.units, embeddings.shape[1], len(vocabulary), concatenate=args.concatenate
    )
    flop = {**dict.fromkeys(policies, plain_flop), OURS: ours.flop_per_word}
    best = {name: max(rates) for name, rates in peaks.items()}
    console.print(_speeds(seconds, full, settings.max_words, flop, best))
    console.print(_ratios(seconds))
    console.print(
        f"captionflow's network: {settings.decoder}, {settings.units} units, "
        f"{embeddings.shape[1]}-dimensional embeddings, {ours.weights} weights"
    )


def _speeds(
    seconds: dict[str, list[float]],
    full: Examples,
    max_words: int,
    flop: dict[str, float],
    peaks: dict[str, float],
) -> Table:
    """Returns the table of throughputs; END counts as a word."""
    words = sum(min(len(ids), max_words) + 1 for captions in full.tokens for ids in captions)
    table = Table(title="Training, median of the rounds")
    for column in (
        *("", "s per epoch", "captions/s", "words/s", "MFLOP/word", "GFLOP/s", "peak"),
        "share",
    ):
        table.add_column(column, justify="right" if column else "left")
    for name, rounds in seconds.items():
        duration = median(rounds)
        row = [
            name,
            f"{duration:.1f}",
            f"{_captions(full) / duration:.0f}",
            f"{words / duration:.0f}",
        ]
        if name in flop:
            reached = flop[name] * words / duration / 1e9
            row += [f"{flop[name] / 1e6:.1f}", f"{reached:.1f}"]
            row += [f"{peaks[name]:.0f}", f"{reached / peaks[name]:.0%}"]
        table.add_row(*row)
    return table


def _ratios(seconds: dict[str, list[float]]) -> Table:
    table = Table(title="Speed-up of captionflow")
    for column in ("over", "median", "range", "goal"):
        table.add_column(column, justify="right" if column else "left")
    for name in (name for name in seconds if name != OURS):
        goal = _GOALS[name]
        ratios = [
            baseline / ours for baseline, ours in zip(seconds[name], seconds[OURS], strict=True)
        ]
        value_range = f"{min(ratios):.2f} to {max(ratios):.2f}"
        table.add_row(name, f"{median(ratios):.2f}", value_range, f"{goal:.1f}")
    return table


def _captions(examples: Examples) -> int:
    return sum(map(len, examples.tokens))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_data_options(parser)
    parser.add_argument("--share", type=float, default=0.1, help="share of the photos, 0 to 1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4, help="epochs of captionflow, at least 2")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument(
        "--precision",
        choices=("auto", "float32", "mixed"),
        default="auto",
        help="precision of captionflow",
    )
    parser.add_argument("--units", type=int, help="LSTM units; default: those of the preset")
    parser.add_argument(
        "--concatenate",
        action="store_true",
        help="plain Keras: concatenate the photo to each word embedding",
    )
    parser.add_argument(
        "--prefix",
        type=int,
        help="tutorial recipe: prefix length; default: that of the longest caption",
    )
    parser.add_argument("--product", type=int, default=3072, help="size of the matrix product")
    return parser.parse_args()


if __name__ == "__main__":
    main()
