"""Rehearsal of a million photos: ingest, features and training, with processes killed at random.

The photos are tiny generated images. The encoder takes as long as a real one (`--rate`), but
computes next to nothing. Everything else is what the pipeline runs. At random moments, the process
group of a step is killed (SIGKILL), and the same step is started again. At the end, the examples
are compared with the photos: none is missing, none appears twice, and each has its own feature.

    .venv/bin/python tests/benchmarks/scale.py
    .venv/bin/python tests/benchmarks/scale.py --photos 8000 40000 --rate 600 --kills 2

The steps run on Beam's engine in their own process: Beam's local job service waits forever for a
worker that was killed, so only a whole step can be killed here. With `--folder`, the same command
continues after the last finished step. A million photos take 4 GB of disk space, and the artifacts
another 10 GB.
"""

import argparse
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine
from processes import alone
from rich.console import Console
from rich.table import Table
from scale_photos import draw_dataset
from scale_steps import STEPS, Journal, encode_again

from components.artifacts.examples import ExampleShards
from components.artifacts.manifest import SPLITS, read_manifest
from components.features.shards import entry_count

_FOLDER = Path(__file__).parent
_ENCODER = _FOLDER.parent / "fixtures/tiny_encoder.py"
_MILLION = 1_000_000
# Steps that are killed. normalize is not: it takes minutes, and starts again from the beginning.
_KILLED = ("ingest", "features", "train")
_COMPARED = 1000


@dataclass(frozen=True, slots=True)
class Outcome:
    """The cost of a step.

    Attributes:
        step: Its name.
        units: Number of photos, or of training steps.
        done: The same, counted in all attempts.
        kills: Number of attempts that were killed.
        seconds: Duration of all attempts.
        last: Duration of the last attempt, without imports.
        peak: Peak memory of the last attempt, in MiB.
    """

    step: str
    units: int
    done: int
    kills: int
    seconds: float
    last: float
    peak: float

    @property
    def repeated(self) -> float:
        """Share of the work that was done again."""
        return self.done / self.units - 1


def main() -> None:
    """Runs the rehearsal at each size, and prints a table and the checks."""
    args = _arguments()
    console = Console(width=110)
    console.print(describe_machine())
    for photos in sorted(args.photos):
        with tempfile.TemporaryDirectory(prefix="captionflow-scale-") as temporary:
            folder = (args.folder or Path(temporary)) / f"{photos}"
            started = time.perf_counter()
            draw_dataset(folder / "photos", photos, args.captions)
            runpy.run_path(str(_ENCODER))["write_encoder"](folder / "encoder", side=32, width=1280)
            console.print(f"{photos} photos drawn in {time.perf_counter() - started:.0f} s")
            outcomes = rehearse(folder, photos, args)
            console.print(_table(outcomes, photos, args))
            for line in alone(check, folder, photos):
                console.print(line)


def rehearse(folder: Path, photos: int, args: argparse.Namespace) -> list[Outcome]:
    """Runs the steps one after the other, and kills them.

    Args:
        folder: The folder with the photos, where the artifacts are written too.
        photos: Number of photos.
        args: The command line.
    """
    given = {
        "folder": str(folder),
        "dataset": str(folder / "photos"),
        "encoder": str(folder / "encoder"),
        **{
            name: vars(args)[name] for name in ("rate", "batch_size", "units", "checkpoint_seconds")
        },
    }
    generator = np.random.default_rng(args.seed)
    outcomes = []
    units = photos
    for step in STEPS:
        kills = args.kills if step in _KILLED else 0
        moments = sorted(generator.integers(0, units, kills))
        outcomes.append(_once(step, given, units, moments))
        if step == "normalize":
            captions = json.loads((folder / "normalize.json").read_text())["train_captions"]
        if step == "features":
            units = -(-captions // args.batch_size)
    return outcomes


def _once(step: str, given: dict[str, Any], units: int, moments: list[int]) -> Outcome:
    """Runs a step, unless an earlier call of this script has."""
    file = Path(given["folder"]) / f"{step}.outcome.json"
    if not file.exists():
        file.write_text(json.dumps(asdict(_run(step, given, units, moments))))
    return Outcome(**json.loads(file.read_text()))


def _run(step: str, given: dict[str, Any], units: int, moments: list[int]) -> Outcome:
    folder = Path(given["folder"])
    journal = Journal(folder / f"{step}.journal")
    command = [sys.executable, str(_FOLDER / "scale_steps.py"), step, json.dumps(given)]
    started, kills = time.perf_counter(), 0
    left = list(moments)
    while True:
        with (folder / f"{step}.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        if not _killed(process, journal, left):
            break
        kills += 1
    if process.returncode:
        raise RuntimeError(f"{step} failed: {(folder / f'{step}.log').read_text()[-5000:]}")
    seconds = time.perf_counter() - started
    facts = json.loads((folder / f"{step}.json").read_text())
    done = journal.units() or units
    return Outcome(step, units, done, kills, seconds, facts["seconds"], facts["peak"])


def _killed(process: subprocess.Popen[bytes], journal: Journal, moments: list[int]) -> bool:
    """Waits for a process, or kills its group at the next moment and removes that moment."""
    try:
        while process.poll() is None:
            if moments and journal.units() > moments[0]:
                moments.pop(0)
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return True
            time.sleep(0.02)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return False


def check(folder: Path, photos: int) -> list[str]:
    """Compares the examples with the photos.

    Args:
        folder: The folder with the artifacts.
        photos: Number of photos.

    Returns:
        The results, as text for people.

    Raises:
        RuntimeError: If a photo is missing, appears twice, or has the feature of another one.
    """
    manifest = {photo.image_id: photo for photo in read_manifest(folder / "manifest")}
    found: list[str] = []
    compared = dict.fromkeys(np.random.default_rng(0).choice(list(manifest), _COMPARED).tolist())
    for split in SPLITS:
        for block in ExampleShards(folder / "examples", split).blocks():
            found += block.image_ids
            for image_id, feature in zip(block.image_ids, block.features, strict=True):
                if image_id in compared:
                    compared[image_id] = feature
    chosen = list(compared)
    again = encode_again(folder / "examples", [manifest[each].uri for each in chosen])
    features = np.stack([compared[each] for each in chosen]).astype(np.float32)
    largest = float(np.abs(features - again).max() / np.abs(again).max())
    stored = sum(entry_count(path.name) or 0 for path in (folder / "store").glob("*/*.npy"))
    problems = {
        "lost": len(manifest.keys() - set(found)) + photos - len(manifest),
        "twice in the examples": len(found) - len(set(found)),
        "twice in the store": stored - photos,
        "with another feature": int(largest > 0.01),
    }
    if any(problems.values()):
        raise RuntimeError(f"Of {photos} photos: {problems}")
    return [
        f"{len(found)} examples of {photos} photos: none lost, none twice; {stored} features in "
        f"the store; {len(chosen)} features compared, largest difference {largest:.4f}"
    ]


def _table(outcomes: list[Outcome], photos: int, args: argparse.Namespace) -> Table:
    table = Table(title=f"{photos} photos of {args.captions} captions, {args.rate:g} photos/s")
    for column in ("step", "kills", "done again", "all attempts", "last attempt", "peak MiB"):
        table.add_column(column, justify="right")
    for each in outcomes:
        table.add_row(
            each.step,
            str(each.kills),
            f"{each.done - each.units} of {each.units}, {each.repeated:.2%}",
            f"{each.seconds:.0f} s",
            f"{each.last:.0f} s",
            f"{each.peak:.0f}",
        )
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=int, nargs="+", default=[_MILLION // 10, _MILLION])
    parser.add_argument("--captions", type=int, default=5, help="captions per photo")
    parser.add_argument(
        "--rate", type=float, default=71, help="photos per second of the encoder; more to rehearse"
    )
    parser.add_argument("--kills", type=int, default=20, help="of ingest, features and train each")
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--units", type=int, default=128, help="of the network that is trained")
    parser.add_argument(
        "--checkpoint-seconds", type=float, default=600, help="time between checkpoints"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the moments")
    parser.add_argument("--folder", type=Path, help="keeps all files; default: none")
    return parser.parse_args()


if __name__ == "__main__":
    main()
