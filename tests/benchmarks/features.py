"""The features step: against its bare network, against one photo at a time, and with its store.

Every run has a process of its own. In order: the loop of the original project and the bare network,
the step over all photos, both baselines again (so that a machine that slows down shows); then how
near the step's features are to float32's; then the step over few and over all photos, for its
memory; then with a store that is filled, that lacks 1 % of the photos, and that has them all.

    .venv/bin/python tests/benchmarks/features.py
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import mean

from data import FLICKR8K, WEIGHTS
from feature_rates import (
    NETWORK,
    StepRun,
    bare_rate,
    cosines,
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
    """Measures, and shows the tables."""
    given = _arguments()
    console = Console(width=110)
    with tempfile.TemporaryDirectory(prefix="captionflow-benchmark-", dir=given.work) as temporary:
        work = Path(temporary)
        available = alone(prepare, given.dataset, work)
        photos = min(given.photos, available)
        console.print(describe_machine())
        computing = choose_precision("auto", NETWORK, str(given.weights))
        console.print(f"{given.weights.name}, batches of {given.batch_size}, {computing}")
        console.print(_speeds(work, photos, given))
        console.print(_nearness(work, min(given.compared, available), given))
        sizes = [min(size, available) for size in given.memory]
        console.print(_memory([_step(work, size, given)[0] for size in sizes]))
        console.print(_store(work, photos, given))


def _step(
    work: Path, photos: int, given: argparse.Namespace, store: str = ""
) -> tuple[StepRun, float]:
    """Runs the step in a new process; returns also the seconds that start-up and imports took."""
    manifest, _ = take_photos(work, photos)
    started = time.perf_counter()
    run = as_step(run_step, work, manifest, str(given.weights), given.batch_size, store)
    return run, time.perf_counter() - started - run.seconds


def _speeds(work: Path, photos: int, given: argparse.Namespace) -> Table:
    _, paths = take_photos(work, photos)
    weights = str(given.weights)
    predicted, bare = [], []

    def baselines() -> None:
        predicted.append(alone(predict_rate, paths[: given.sample], weights))
        bare.append(as_step(bare_rate, paths, weights, given.batch_size, given.batches))

    baselines()
    run, _ = _step(work, photos, given)
    baselines()
    rate = run.photos / run.seconds
    table = Table(title="Photos a second")
    for column in ("", "photos/s", "before and after", "c is", "b is", "goal"):
        table.add_column(column, justify="right" if column else "left")
    for name, rates, goal in (
        (f"a: predict, photo by photo ({given.sample})", predicted, "c/a 10"),
        (f"b: bare network ({given.batches} batches)", bare, "c/b 0.90"),
    ):
        table.add_row(
            name,
            f"{mean(rates):.2f}",
            ", ".join(f"{one:.2f}" for one in rates),
            f"{rate / mean(rates):.2f} x",
            f"{mean(bare) / mean(rates):.2f} x",
            goal,
        )
    table.add_row(f"c: the features step ({run.photos} photos)", f"{rate:.2f}")
    return table


def _nearness(work: Path, photos: int, given: argparse.Namespace) -> Table:
    _, paths = take_photos(work, photos)
    found = alone(cosines, paths, str(given.weights), given.batch_size)
    table = Table(title="Cosine of the step's features to float32's (goal: 0.999)")
    for column in ("photos", "lowest", "mean"):
        table.add_column(column, justify="right")
    table.add_row(str(len(found)), f"{found.min():.6f}", f"{found.mean():.6f}")
    return table


def _memory(runs: list[StepRun]) -> Table:
    table = Table(title="Peak memory of the step, in a process of its own (goal: 1.2 x)")
    for column in ("photos", "MiB", "times the first"):
        table.add_column(column, justify="right")
    for run in runs:
        table.add_row(str(run.photos), f"{run.peak:.0f}", f"{run.peak / runs[0].peak:.2f}")
    return table


def _store(work: Path, photos: int, given: argparse.Namespace) -> Table:
    store = str(work / "store")
    new = max(1, round(_NEW_SHARE * photos))
    table = Table(title="With a store")
    for column in ("", "s of work", "of the full time", "s to start", "goal"):
        table.add_column(column, justify="right" if column else "left")
    full = 0.0
    for name, size, goal in (
        ("empty", photos - new, ""),
        (f"{new} of {photos} photos new", photos, "5 % and start-up"),
        ("unchanged", photos, "no network loaded"),
    ):
        run, start_up = _step(work, size, given, store)
        full = full or run.seconds
        table.add_row(
            name, f"{run.seconds:.1f}", f"{run.seconds / full:.1%}", f"{start_up:.1f}", goal
        )
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dataset", type=Path, default=FLICKR8K, help="Flickr8k's folder")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="of InceptionV3")
    parser.add_argument("--photos", type=int, default=3000)
    parser.add_argument("--memory", type=int, nargs=2, default=(700, 6996), help="photos")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--sample", type=int, default=63, help="photos one at a time")
    parser.add_argument("--batches", type=int, default=8, help="of the bare network")
    parser.add_argument("--compared", type=int, default=512, help="photos, with float32")
    parser.add_argument("--work", type=Path, help="a folder for what is made on the way")
    return parser.parse_args()


if __name__ == "__main__":
    main()
