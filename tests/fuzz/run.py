"""Runs the fuzz loop: see README.md beside it."""

import argparse
import json
import random
import select
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

_TARGETS = (
    "images", "archives", "captions", "json", "folders", "words", "vectors", "weights", "bundles",
    "encoders",
)  # fmt: skip
_SECONDS, _BYTES = 10.0, 1536 << 20
_START_UP = 300.0
_KEPT = Path("build/fuzz")


def main() -> int:
    """Runs what the command line asks for; returns 1 if a case failed."""
    parser = argparse.ArgumentParser(description="Changes sound files at random and reads them.")
    parser.add_argument(
        "targets", nargs="*", default=[], metavar="TARGET", help=", ".join(_TARGETS)
    )
    parser.add_argument("--seconds", type=float, default=60, help="for each target (60)")
    parser.add_argument("--cases", type=int, default=10**9, help="for each target at most")
    parser.add_argument("--seed", default=str(random.randrange(10**6)), help="default: any")  # noqa: S311
    parser.add_argument("--case", type=int, help="run this one alone")
    asked = parser.parse_args()
    failures = 0
    for target in asked.targets or _TARGETS:
        first, count = (asked.case, 1) if asked.case is not None else (0, asked.cases)
        failures += _run(target, asked.seed, first, count, asked.seconds)
    return min(failures, 1)


def _run(target: str, seed: str, first: int, count: int, seconds: float) -> int:
    """Runs cases of a target until they or the time are over; returns how many failed."""
    ended: Counter[str] = Counter()
    slowest, failures, case = 0.0, 0, first
    stop = time.monotonic() + seconds
    while case < first + count and (time.monotonic() < stop or case == first):
        folder = _KEPT / f"{target}-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / "log"
        worker = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("worker.py")), target, seed, str(case),
             str(first + count - case), str(folder)],
            stdout=subprocess.PIPE, stderr=log.open("wb"), bufsize=0,
        )  # fmt: skip
        ready = _next_line(worker, _START_UP)
        if ready is None:
            sys.stdout.write(f"{target}: the worker does not start\n{log.read_text()}\n")
            return failures + 1
        base = ready["ready"]
        while True:
            line = _next_line(worker, 2 * _SECONDS)
            if line is not None and "ended" not in line:
                continue  # it begins
            why = _fault(line, base) if line else _end_of(worker, log)
            ended[line["ended"] if line and not why else "failed"] += 1
            slowest = max(slowest, line["took"] if line else 0)
            if why:
                failures += 1
                _keep(folder, target, seed, case, why)
            case += 1
            if why or case == first + count or time.monotonic() > stop:
                break
        worker.kill()
        worker.wait()
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write(
        f"{target}: {sum(ended.values())} cases with seed {seed}, {ended['read']} read, "
        f"{ended['refused']} refused, {failures} failed, the slowest took {slowest:.1f} s\n"
    )
    sys.stdout.flush()
    return failures


def _fault(line: dict[str, Any], base: int) -> str:
    """Returns what is wrong with a case that ended; empty if nothing is."""
    if line["fault"]:
        return str(line["fault"])
    if line["peak"] - base > _BYTES:
        return f"took {(line['peak'] - base) >> 20} MiB"
    return f"took {line['took']:.1f} s" if line["took"] > _SECONDS else ""


def _end_of(worker: "subprocess.Popen[bytes]", log: Path) -> str:
    if worker.poll() is None:
        return "no answer"
    return f"ended with {worker.returncode}\n{log.read_text(errors='replace')[-2000:]}"


def _next_line(worker: "subprocess.Popen[bytes]", patience: float) -> Any:
    """Returns the worker's next line; None if it ended or does not answer."""
    stream: Any = worker.stdout
    if not select.select([stream], [], [], patience)[0]:
        return None
    line = stream.readline()
    if not line:
        worker.wait()
    return json.loads(line) if line else None


def _keep(folder: Path, target: str, seed: str, case: int, why: str) -> None:
    kept = _KEPT / f"{target}-{seed}-{case}"
    if (folder / "input").exists():
        shutil.copy(folder / "input", kept)
    sys.stdout.write(f"{target}, --seed {seed} --case {case}, kept in {kept}:\n{why}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
