"""Remembers how long cached steps took when they ran."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from components.artifacts.files import read_json, write_json
from pipeline.plan import PlannedStep

# Folder in the cache, with a file for each step.
_TIMES = "times"


def record_times(cache: Path, planned: Iterable[PlannedStep], seconds: Mapping[str, float]) -> None:
    """Writes the times of the steps that ran, if their results are in the cache.

    Args:
        cache: Folder of the cache.
        planned: All steps.
        seconds: Seconds that each step took, by step.
    """
    for step in planned:
        if step.key and step.name in seconds:
            times = {"key": step.key, "seconds": seconds[step.name]}
            (cache / _TIMES).mkdir(parents=True, exist_ok=True)
            write_json(cache / _TIMES / f"{step.name}.json", times)


def earlier_times(cache: Path, planned: Iterable[PlannedStep]) -> dict[str, float]:
    """Returns the seconds that each reused step took when it ran; unknown times are left out.

    Args:
        cache: Folder of the cache.
        planned: All steps.
    """
    times = {}
    for step in planned:
        file = cache / _TIMES / f"{step.name}.json"
        if step.reused and file.exists():
            recorded = read_json(file)
            if recorded["key"] == step.key:
                times[step.name] = recorded["seconds"]
    return times
