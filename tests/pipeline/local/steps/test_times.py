from pathlib import Path

from pipeline.local.steps.times import earlier_times, record_times
from pipeline.plan import PlannedStep


def _planned(key: str, *, reused: bool) -> list[PlannedStep]:
    return [PlannedStep("train", reused, "", {}, key), PlannedStep("gate", False, "", {})]


def test_earlier_times_are_those_of_the_reused_result(tmp_path: Path) -> None:
    times = {"train": 20.75, "gate": 3.0}
    record_times(tmp_path, _planned("k", reused=False), times)
    assert earlier_times(tmp_path, _planned("k", reused=True)) == {"train": 20.75}
    assert earlier_times(tmp_path, _planned("other", reused=True)) == {}
    assert earlier_times(tmp_path, _planned("k", reused=False)) == {}


def test_earlier_times_of_an_empty_cache_are_unknown(tmp_path: Path) -> None:
    assert earlier_times(tmp_path, _planned("k", reused=True)) == {}
