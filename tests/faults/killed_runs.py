"""Interrupts runs of the pipeline at random moments, and checks how the next run recovers.

    python tests/faults/killed_runs.py --rounds 10 --seed 1 --folder build/kills

Each round has a new work folder, in which the same command is started again until it ends by
itself. It is interrupted twice in each of the ten steps, at random moments: by SIGKILL to the whole
process group, by a power cut, or by a full disk. Then the state of the work folder is compared with
that of an uninterrupted run. A step that had just ended when it was interrupted is not interrupted
again, so a round has fewer than twenty interruptions at times.

Moments are measured in processor time, which, unlike wall-clock time, does not depend on how busy
the machine is. The folder keeps the uninterrupted run and counts the interruptions of all calls.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from attempts import ENDED, PROJECT, SETTINGS, Attempt, running_step

sys.path.append(str(PROJECT / "tests" / "fixtures"))

from disks import Disk
from interruptions import FULL_DISK, KILL, POWER_CUT, cut_power, fill_disk, kill
from states import REPEATED, STEPS, differences, last_step, repetitions, state
from tiny_encoder import write_encoder


class Base(NamedTuple):
    """The uninterrupted run: the state of its work folder, and each step's processor time."""

    state: dict[str, Any]
    seconds: dict[str, float]


class Kill(NamedTuple):
    """An interruption: the step that was running, and what was lost; empty if nothing was."""

    step: str
    lost: str


def uninterrupted(folder: Path, settings: tuple[str, ...]) -> Base:
    """Returns the uninterrupted run of a folder; runs it if it does not exist yet."""
    file = folder / "base.json"
    if not file.exists():
        root, seconds = folder / "base" / "runs", dict.fromkeys(STEPS, 0.0)
        attempt = Attempt(root, settings)
        while attempt.process.poll() is None:
            if running := running_step(attempt.process.pid):
                seconds[running[0]] = max(seconds[running[0]], running[1])
            time.sleep(0.1)
        code, output = attempt.finish()
        if code:
            raise SystemExit(output)
        file.write_text(json.dumps(Base(state(root), seconds)._asdict()))
    return Base(**json.loads(file.read_text()))


def run_round(
    chance: random.Random, settings: tuple[str, ...], base: Base, kind: str, times: int
) -> list[Kill]:
    """Interrupts a run in each step, and then runs it to its end.

    Args:
        chance: Draws the moments.
        settings: Settings of the run.
        base: The uninterrupted run.
        kind: The kind of interruption.
        times: How often each step is interrupted, unless it ends before.

    Returns:
        All interruptions. If the final state differs from that of the uninterrupted run, all of
        them count as having lost something, and the work folder is kept.
    """
    folder = Path(tempfile.mkdtemp(prefix="captionflow-kills-"))
    disk = Disk(folder) if kind == POWER_CUT else None
    try:
        kills, faults = _interrupt(chance, settings, base, kind, times, folder, disk)
    except BaseException:
        faults = ["the round was not completed"]
        raise
    finally:
        if disk:
            disk.unmount()
        for fault in faults:
            _show(fault)
        if faults:
            _show(f"kept: {f'{disk.image} (ext4)' if disk else folder}")
    if faults:
        # There is at least one entry, even if the first step did not start.
        lossy = kills or [Kill(STEPS[0], "")]
        return [Kill(step, lost or "; ".join(faults)) for step, lost in lossy]
    _show("final state: as of the uninterrupted run")
    shutil.rmtree(folder)
    return kills


def _interrupt(
    chance: random.Random,
    settings: tuple[str, ...],
    base: Base,
    kind: str,
    times: int,
    folder: Path,
    disk: Disk | None,
) -> tuple[list[Kill], list[str]]:
    """Interrupts the runs of a round in a folder, or on a disk in it.

    Returns:
        All interruptions, and how the final state differs from that of the uninterrupted run.
    """
    root = (disk.path if disk else folder) / "runs"
    logs, kills = list[str](), list[Kill]()
    for step in (step for step in STEPS for _ in range(times)):
        if step not in REPEATED and any(step in ENDED.findall(log) for log in logs):
            # It ended when it was interrupted before, or while a step that does not depend on it
            # was to be interrupted: such steps may run in any order.
            continue
        with _attempted(root, settings) as attempt:
            if not attempt.wait_for(step):
                code, output = attempt.finish()
                return kills, [f"{step} never started, exit code {code}\n{output[-600:]}"]
            # Slightly longer, so that some runs are killed when the step has just ended.
            moment, fault = chance.uniform(0, 1.05 * base.seconds[step]), ""
            if disk:
                log = cut_power(attempt, step, moment, disk)
            elif kind == FULL_DISK:
                log, fault = fill_disk(attempt, step, chance)
            else:
                log = kill(attempt, step, moment)
        logs.append(log)
        lost = "; ".join(filter(None, [fault, *repetitions(logs)]))
        kills.append(Kill(last_step(log), lost))
        _show(f"{kind} in {kills[-1].step} after {moment:.1f} s of {step}: {lost or 'survived'}")
    with _attempted(root, settings) as attempt:
        code, output = attempt.finish()
        logs.append(attempt.log())
    ended = [output[-600:]] if code else differences(base.state, state(root))
    return kills, repetitions(logs) + ended


@contextlib.contextmanager
def _attempted(root: Path, settings: tuple[str, ...]) -> Iterator[Attempt]:
    """A run that is killed if an error occurs here."""
    attempt = Attempt(root, settings)
    try:
        yield attempt
    finally:
        if attempt.process.poll() is None:
            attempt.kill()


def _show(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)  # noqa: T201


def _summary(kills: list[Kill]) -> Iterator[str]:
    killed = Counter(kill.step for kill in kills)
    survived = Counter(kill.step for kill in kills if not kill.lost)
    for step in STEPS:
        yield f"{step:<10} {survived[step]} of {killed[step]}"
    yield f"{'all':<10} {survived.total()} of {killed.total()} interruptions lost nothing"


def main() -> int:
    """Runs the rounds that the command line asks for; returns 1 if something was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=10, help="each with a new work folder (10)")
    parser.add_argument("--times", type=int, default=2, help="interruptions of each step (2)")
    parser.add_argument("--seed", default=str(random.randrange(10**6)), help="default: any")  # noqa: S311
    parser.add_argument("--kind", choices=(KILL, POWER_CUT, FULL_DISK), default=KILL)
    parser.add_argument("--folder", type=Path, help="default: a new temporary one")
    asked = parser.parse_args()
    folder = (asked.folder or Path(tempfile.mkdtemp(prefix="captionflow-base-"))).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    # With an encoder that costs nothing, a round spends most of its time starting processes.
    settings = (*SETTINGS, "--encoder", str(write_encoder(folder / "encoder")))
    base = uninterrupted(folder, settings)
    if asked.kind == FULL_DISK:
        # Python does not notice that only the first bytes of a compiled module were written.
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    file = folder / f"{asked.kind}.jsonl"
    for number in range(asked.rounds):
        _show(f"round {number} of seed {asked.seed}")
        chance = random.Random(f"{asked.seed}-{number}")  # noqa: S311
        kills = run_round(chance, settings, base, asked.kind, asked.times)
        with file.open("a") as lines:
            lines.writelines(json.dumps(kill) + "\n" for kill in kills)
    kills = [Kill(*json.loads(line)) for line in file.read_text().splitlines()]
    print(*_summary(kills), sep="\n")  # noqa: T201
    return int(any(kill.lost for kill in kills))


if __name__ == "__main__":
    sys.exit(main())
