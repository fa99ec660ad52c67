"""Kills runs of the pipeline at random moments and checks what the next run makes of it.

    python tests/faults/killed_runs.py --rounds 10 --seed 1

A round is a new work folder, in which the same command is started until it ends by itself. It is
killed (SIGKILL to the whole process group) once in each of the ten steps, at a random moment. Then
the state of the work folder is compared with that of a run that nobody interrupted.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
STEPS = (
    "ingest", "trigger", "normalize", "features", "embeddings",
    "train", "evaluate", "rescore", "gate", "register",
)  # fmt: skip
#: Steps that a later run repeats, because their result depends on the registry.
REPEATED = {"trigger", "rescore", "gate"}
#: The smallest settings with which all steps have something to do.
SETTINGS = (
    "--scenes", "48", "--encoder", "MobileNetV3Small", "--units", "16", "--epochs", "4",
    "--floors", "",
)  # fmt: skip
_STARTED = re.compile(r"Executing task .*?'([\w-]+)'")
_ENDED = re.compile(r"Task .*?'([\w-]+)'.* finished with status .*SUCCESS")
_EPOCH = re.compile(r"\[train\] epoch (\d+)/\d+  loss")
# Scores that differ between two trainings of the same model.
_IDENTITY = {"mlflow_run_id", "model_fingerprint"}
_TIMEOUT = 900.0


class Attempt:
    """A run of the pipeline in a process group of its own.

    Args:
        root: The work folder.
        settings: Settings of the run.
    """

    def __init__(self, root: Path, settings: tuple[str, ...] = SETTINGS) -> None:
        self._before = set((root / "logs").glob("*.log"))
        self._root = root
        # Beside the work folder, so that what is left there belongs to its runs.
        temporary = root.parent / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "MLFLOW_TRACKING_URI": "", "PYTHONPATH": str(PROJECT)}
        environment["TMPDIR"] = str(temporary)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.local", "--root", str(root), *settings],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=PROJECT,
            env=environment, start_new_session=True,
        )  # fmt: skip

    def log(self) -> str:
        """Returns the run's log; empty before it exists."""
        new = set((self._root / "logs").glob("*.log")) - self._before
        return max(new).read_text(errors="replace") if new else ""

    def wait_for(self, step: str) -> bool:
        """Waits until a step starts; returns whether it did before the run ended."""
        limit = time.monotonic() + _TIMEOUT
        while step not in _STARTED.findall(self.log()):
            if self.process.poll() is not None or time.monotonic() > limit:
                return step in _STARTED.findall(self.log())
            time.sleep(0.02)
        return True

    def kill(self) -> str:
        """Kills the whole process group, and returns the log."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        return self.log()

    def finish(self) -> tuple[int, str]:
        """Waits for the end of the run; returns the exit code and what it printed."""
        output, _ = self.process.communicate(timeout=_TIMEOUT)
        return self.process.returncode, output


def state(root: Path) -> dict[str, Any]:
    """Returns what is in a work folder after a run; what must not be left there is empty."""
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{root}/mlflow.db"
    from mlflow import MlflowClient

    client = MlflowClient()
    experiment = client.get_experiment_by_name("captionflow")
    runs = client.search_runs([experiment.experiment_id])
    trainings = [run for run in runs if "training" in run.data.tags]
    versions = client.search_model_versions("name = 'captionflow-sample'")
    (scores,) = root.glob("artifacts/*/evaluate/scores/scores.json")
    content = json.loads(scores.read_text())
    return {
        "scores": {name: value for name, value in content.items() if name not in _IDENTITY},
        "versions": len(versions),
        "champion": client.get_model_version_by_alias("captionflow-sample", "champion").version,
        "training runs": [run.info.status for run in trainings],
        "running": [run.info.run_id for run in runs if run.info.status == "RUNNING"],
        "epochs": [len(client.get_metric_history(r.info.run_id, "loss")) for r in trainings],
        "models": len(list(root.glob("mlartifacts/models/*"))),
        "artifacts": sorted(
            str(path.relative_to(root / "artifacts").relative_to(path.parents[1].name))
            for path in root.glob("artifacts/*/*/*")
            if path.parent.name not in REPEATED and path.name != "executor_output.json"
        ),
        "hidden": sorted(str(path) for path in root.rglob(".*")),
        "checkpoints": sorted(str(path) for path in root.glob("checkpoints/*")),
    }


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Returns what differs between two states, a line each."""
    return [
        f"{name}: expected {expected[name]}, found {found[name]}"
        for name in expected
        if expected[name] != found[name]
    ]


def repetitions(logs: list[str]) -> list[str]:
    """Returns which finished work was done again, a line each.

    Args:
        logs: The logs of all attempts, in order; each but the last was killed.
    """
    faults, finished, epochs = [], set[str](), Counter[str]()
    for log in logs:
        started, ended = _STARTED.findall(log), set(_ENDED.findall(log))
        steps = [step for step in started if step in STEPS]
        faults += [f"{s} ran again" for s in steps if s in finished and s not in REPEATED]
        # The step in which the run was killed may have ended a moment before.
        finished |= ended - set(steps[-1:])
        epochs.update(_EPOCH.findall(log))
    kills = sum(_last_step(log) == "train" for log in logs[:-1])
    if (extra := sum(epochs.values()) - len(epochs)) > kills:
        faults.append(f"{extra} epochs were repeated after {kills} kills in train")
    return faults


def _last_step(log: str) -> str:
    return ([step for step in _STARTED.findall(log) if step in STEPS] or [""])[-1]


def run_round(
    number: int, seed: str, expected: dict[str, Any], times: dict[str, float]
) -> tuple[int, int]:
    """Kills a run once in each step; returns how many kills lost nothing, and how many it were."""
    chance = random.Random(f"{seed}-{number}")  # noqa: S311
    root = Path(tempfile.mkdtemp(prefix="captionflow-kills-")) / "runs"
    logs, survived = list[str](), 0
    for step in STEPS:
        if step not in REPEATED and any(step in _ENDED.findall(log) for log in logs):
            # Two steps that do not depend on each other run in any order.
            print(f"  {step} had ended before")  # noqa: T201
            continue
        attempt = Attempt(root)
        if not attempt.wait_for(step):
            code, output = attempt.finish()
            print(f"  {step}: never started, exit code {code}\n{output[-600:]}")  # noqa: T201
            return survived, len(logs) + 1
        moment = chance.uniform(0, times[step])
        time.sleep(moment)
        logs.append(attempt.kill())
        found_in = _last_step(logs[-1])
        faults = repetitions(logs)
        survived += not faults
        print(f"  {step} after {moment:.1f} s (in {found_in})", *faults, sep="\n    ", flush=True)  # noqa: T201
    attempt = Attempt(root)
    code, output = attempt.finish()
    logs.append(attempt.log())
    faults = [*repetitions(logs), *([output[-600:]] if code else [])]
    if not code:
        faults += differences(expected, state(root))
    faults += [f"left over: {path}" for path in (root.parent / "tmp").iterdir()]
    if not faults:
        shutil.rmtree(root.parent)
        return survived, len(logs) - 1
    print(f"  {root}", *faults, sep="\n    ", flush=True)  # noqa: T201
    return 0, len(logs) - 1


def step_times(log: str) -> dict[str, float]:
    """Returns how long each step took, in seconds, from start to end."""
    took = re.findall(r"TOOK ([\w-]+): ([\d.]+) s to start, ([\d.]+) s of work", log)
    return {step: float(start) + float(work) for step, start, work in took}


def main() -> int:
    """Runs what the command line asks for; returns 1 if something was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=10, help="with ten kills each (10)")
    parser.add_argument("--seed", default=str(random.randrange(10**6)), help="default: any")  # noqa: S311
    asked = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="captionflow-kills-")) / "runs"
    unbroken = Attempt(root)
    code, output = unbroken.finish()
    if code:
        print(output)  # noqa: T201
        return 1
    expected, times = state(root), step_times(unbroken.log())
    survived, kills = 0, 0
    for number in range(asked.rounds):
        print(f"round {number} of seed {asked.seed}", flush=True)  # noqa: T201
        lost_nothing, killed = run_round(number, asked.seed, expected, times)
        survived, kills = survived + lost_nothing, kills + killed
        print(f"{survived} of {kills} kills lost nothing", flush=True)  # noqa: T201
    shutil.rmtree(root.parent)
    return int(survived < kills)


if __name__ == "__main__":
    sys.exit(main())
