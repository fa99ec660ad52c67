"""Benchmark of the features step: throughput, accuracy, memory, and the feature store.

Every measurement runs in a separate process, in this order: the step with an ONNX encoder,
alternating with bare onnxruntime; the loop of the original project and the bare network; the step
over all photos; both baselines again, to reveal any drift in the machine's speed; the similarity of
the step's features to float32; the memory of the step over few and over all photos; and the step
with a feature store that is empty, lacks 1 % of the photos, or has all of them.

    .venv/bin/python tests/benchmarks/features.py
    .venv/bin/python tests/benchmarks/features.py --onnx-only
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import mean, median

from data import FLICKR8K, ONNX, WEIGHTS
from feature_rates import (
    NETWORK,
    StepRun,
    bare_onnx_rate,
    bare_rate,
    cosine_similarities,
    predict_rate,
    prepare,
    run_step,
    take_photos,
)
from machine import describe_machine
from processes import alone, as_step
from rich.console import Console
from rich.table import Table

from components.captioning.encoder.precision import choose_precision

_NEW_SHARE = 0.01


def main() -> None:
    """Runs the measurements, and prints the tables."""
    args = _arguments()
    console = Console(width=110)
    with tempfile.TemporaryDirectory(prefix="captionflow-benchmark-", dir=args.work) as temporary:
        work = Path(temporary)
        available = alone(prepare, args.dataset, work)
        photos = min(args.photos, available)
        console.print(describe_machine())
        computing = choose_precision("auto", NETWORK, str(args.weights))
        console.print(_onnx(work, min(args.onnx_photos, available), args))
        if args.onnx_only:
            return
        console.print(f"{args.weights.name}, batches of {args.batch_size}, {computing}")
        console.print(_speeds(work, photos, args))
        console.print(_similarity(work, min(args.compared, available), args))
        sizes = [min(size, available) for size in args.memory]
        console.print(_memory([_step(work, size, args)[0] for size in sizes]))
        console.print(_store(work, photos, args))


def _step(
    work: Path, photos: int, args: argparse.Namespace, store: str = ""
) -> tuple[StepRun, float]:
    """Runs the step in a new process; also returns the seconds for start-up and imports."""
    manifest, _ = take_photos(work, photos)
    started = time.perf_counter()
    run = as_step(run_step, work, manifest, str(args.weights), args.batch_size, store)
    return run, time.perf_counter() - started - run.seconds


def _speeds(work: Path, photos: int, args: argparse.Namespace) -> Table:
    _, paths = take_photos(work, photos)
    weights = str(args.weights)
    predicted, bare = [], []

    def baselines() -> None:
        predicted.append(alone(predict_rate, paths[: args.sample], weights))
        bare.append(as_step(bare_rate, paths, weights, args.batch_size, args.batches))

    baselines()
    run, _ = _step(work, photos, args)
    baselines()
    rate = run.photos / run.seconds
    table = Table(title="Throughput")
    for column in ("", "photos/s", "before and after", "c to this", "b to this", "goal"):
        table.add_column(column, justify="right" if column else "left")
    for name, rates, goal in (
        (f"a: predict, one photo at a time ({args.sample})", predicted, "c/a 10"),
        (f"b: bare network ({args.batches} batches)", bare, "c/b 0.90"),
    ):
        table.add_row(
            name,
            f"{mean(rates):.2f}",
            ", ".join(f"{rate_in_run:.2f}" for rate_in_run in rates),
            f"{rate / mean(rates):.2f} x",
            f"{mean(bare) / mean(rates):.2f} x",
            goal,
        )
    table.add_row(f"c: the features step ({run.photos} photos)", f"{rate:.2f}")
    return table


def _onnx(work: Path, photos: int, args: argparse.Namespace) -> Table:
    manifest, paths = take_photos(work, photos)
    table = Table(title=f"Encoder {args.onnx.name} from ONNX, {photos} photos (goal: 0.90)")
    for column in ("round", "the features step", "bare onnxruntime, before and after", "ratio"):
        table.add_column(column, justify="right")

    def bare() -> float:
        return as_step(bare_onnx_rate, paths, args.onnx, args.batch_size, args.batches)

    before, ratios = bare(), []
    for number in range(args.rounds):
        run = as_step(
            run_step, work, manifest, "random", args.batch_size, "", network=str(args.onnx)
        )
        after, rate = bare(), run.photos / run.seconds
        ratios.append(rate / mean((before, after)))
        table.add_row(
            str(number + 1), f"{rate:.2f}", f"{before:.2f}, {after:.2f}", f"{ratios[-1]:.2f}"
        )
        before = after
    table.add_row("median", "", "", f"{median(ratios):.2f}")
    return table


def _similarity(work: Path, photos: int, args: argparse.Namespace) -> Table:
    _, paths = take_photos(work, photos)
    similarities = alone(cosine_similarities, paths, str(args.weights), args.batch_size)
    table = Table(title="Cosine similarity of the step's features to float32 (goal: 0.999)")
    for column in ("photos", "minimum", "mean"):
        table.add_column(column, justify="right")
    table.add_row(str(len(similarities)), f"{similarities.min():.6f}", f"{similarities.mean():.6f}")
    return table


def _memory(runs: list[StepRun]) -> Table:
    table = Table(title="Peak memory of the step's process (goal: 1.2 x)")
    for column in ("photos", "MiB", "relative to the first"):
        table.add_column(column, justify="right")
    for run in runs:
        table.add_row(str(run.photos), f"{run.peak:.0f}", f"{run.peak / runs[0].peak:.2f}")
    return table


def _store(work: Path, photos: int, args: argparse.Namespace) -> Table:
    store = str(work / "store")
    new = max(1, round(_NEW_SHARE * photos))
    table = Table(title="With a feature store")
    for column in ("", "seconds", "of the full time", "seconds to start", "goal"):
        table.add_column(column, justify="right" if column else "left")
    full = 0.0
    for name, size, goal in (
        ("empty", photos - new, ""),
        (f"{new} of {photos} photos new", photos, "5 % and start-up"),
        ("unchanged", photos, "no network loaded"),
    ):
        run, start_up = _step(work, size, args, store)
        full = full or run.seconds
        table.add_row(
            name, f"{run.seconds:.1f}", f"{run.seconds / full:.1%}", f"{start_up:.1f}", goal
        )
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dataset", type=Path, default=FLICKR8K, help="folder of Flickr8k")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="weights file of InceptionV3")
    parser.add_argument("--photos", type=int, default=3000, help="photos of the throughput runs")
    parser.add_argument(
        "--memory", type=int, nargs=2, default=(700, 6996), help="photos of the two memory runs"
    )
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--sample", type=int, default=63, help="photos of baseline a")
    parser.add_argument("--batches", type=int, default=8, help="batches of the bare network")
    parser.add_argument("--compared", type=int, default=512, help="photos to compare with float32")
    parser.add_argument("--onnx", type=Path, default=ONNX, help="folder of an ONNX model")
    parser.add_argument("--onnx-photos", type=int, default=1000, help="photos of its runs")
    parser.add_argument("--onnx-only", action="store_true", help="measure nothing else")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the ONNX model")
    parser.add_argument("--work", type=Path, help="folder for temporary files")
    return parser.parse_args()


if __name__ == "__main__":
    main()
