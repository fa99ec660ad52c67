"""Finds what a work folder contains after a run, and which work was done twice."""

import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

from attempts import ENDED, STARTED

STEPS = (
    "ingest", "trigger", "normalize", "features", "embeddings",
    "train", "evaluate", "rescore", "gate", "register",
)  # fmt: skip
#: Steps that a later run repeats, because their result depends on the registry.
REPEATED = {"trigger", "rescore", "gate"}
EPOCH = re.compile(r"\[train\] epoch (\d+)/\d+  loss")
# Scores that differ between two trainings of the same model.
_IDENTITY = {"mlflow_run_id", "model_fingerprint"}


def state(root: Path) -> dict[str, Any]:
    """Returns the state of a work folder after a run; lists of what must not be left are empty."""
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{root}/mlflow.db"
    from mlflow import MlflowClient

    client = MlflowClient()
    experiment = client.get_experiment_by_name("captionflow")
    runs = client.search_runs([experiment.experiment_id])
    trainings = [run for run in runs if "training" in run.data.tags]
    versions = client.search_model_versions("name = 'captionflow-sample'")
    # The newest; `artifacts` below names all.
    scores = max(root.glob("artifacts/*/evaluate/scores/scores.json"))
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
        "temporary": sorted(str(path) for path in (root.parent / "tmp").iterdir()),
    }


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Returns the differences between two states, one per line."""
    return [
        f"{name}: expected {expected[name]}, found {found[name]}"
        for name in expected
        if expected[name] != found[name]
    ]


def repetitions(logs: list[str]) -> list[str]:
    """Returns the finished work that was done again, one item per line.

    Args:
        logs: The logs of all attempts, in order; each but the last was killed.
    """
    faults, finished, epochs = [], set[str](), Counter[str]()
    for log in logs:
        ended = set(ENDED.findall(log))
        steps = [step for step in STARTED.findall(log) if step in STEPS]
        faults += [f"{s} ran again" for s in steps if s in finished and s not in REPEATED]
        # The step in which the run was killed may have ended a moment before.
        finished |= ended - set(steps[-1:])
        epochs.update(EPOCH.findall(log))
    kills = sum(last_step(log) == "train" for log in logs[:-1])
    if (extra := sum(epochs.values()) - len(epochs)) > kills:
        faults.append(f"{extra} epochs were repeated after {kills} kills in train")
    return faults


def last_step(log: str) -> str:
    """Returns the step that started last; empty if none did."""
    return ([step for step in STARTED.findall(log) if step in STEPS] or [""])[-1]
