"""What a run would do: which results it reuses, and why it does not."""

from pathlib import Path
from typing import Any

import pytest
from cached_steps import ARGUMENTS, keys, plan, reasons, run, small

from pipeline.local.cache import plan_steps, restored_spec, step_outputs


def _changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name, key in before.items() if after[name] != key}


@pytest.mark.parametrize(
    ("change", "steps"),
    [
        ({}, set()),
        ({"content": "other data"}, {"ingest", "features", "train"}),
        ({"seed": 2}, {"ingest", "features", "train"}),
        ({"encoder": "other"}, {"features", "train"}),
        ({"epochs": 4}, {"train"}),
        # Where unfinished trainings lie decides nothing.
        ({"checkpoints": "elsewhere"}, set()),
        # Moved data: a manifest names its photos' places; all else is of the same content.
        ({"dataset": "there"}, {"ingest"}),
    ],
)
def test_plan_steps_changes_the_keys_of_affected_steps(
    tmp_path: Path, change: dict[str, Any], steps: set[str]
) -> None:
    assert _changed(keys(tmp_path), keys(tmp_path, **change)) == steps


def test_plan_steps_includes_the_code_of_earlier_steps(
    tmp_path: Path, code: dict[str, str]
) -> None:
    before = keys(tmp_path)
    code["components.features"] = "2"
    assert _changed(before, keys(tmp_path)) == {"features", "train"}


def test_plan_steps_reuses_here_what_a_cluster_would_not_and_retries_nothing(
    tmp_path: Path,
) -> None:
    spec, planned = plan(tmp_path)
    tasks = spec.root.dag.tasks
    assert [step.name for step in planned] == ["ingest", "features", "train", "gate"]
    assert tasks["train"].caching_options.enable_cache
    assert not tasks["gate"].caching_options.enable_cache
    assert not tasks["train"].HasField("retry_policy")


def test_plan_steps_makes_no_folder(tmp_path: Path) -> None:
    _, planned = plan(tmp_path / "none")
    assert reasons(planned) == {
        **dict.fromkeys(("ingest", "features", "train"), "It has not run before."),
        "gate": "Never cached: it depends on the registry.",
    }  # fmt: skip
    assert not (tmp_path / "none").exists()


def test_plan_steps_reuses_results_and_gives_reasons_for_the_rest(
    tmp_path: Path, code: dict[str, str]
) -> None:
    run(tmp_path / "cache", tmp_path)
    spec, planned = plan(tmp_path / "cache")
    assert [step.reused for step in planned] == [True, True, True, False]
    found = step_outputs(spec, "ingest", tmp_path / "cache")
    assert found is not None and found["manifest"].path == str(tmp_path / "ingest")
    code["components.train"] = "2"
    assert reasons(plan(tmp_path / "cache", encoder="wide", epochs=4)[1]) == {
        "ingest": "Nothing changed.",
        "features": "encoder changed from net to wide.",
        "train": "Its code or a library changed. epochs changed from 3 to 4.",
        "gate": "Never cached: it depends on the registry.",
    }
    assert reasons(plan(tmp_path / "cache", content="new")[1])["ingest"] == (
        "The content of dataset changed."
    )


def test_plan_steps_forced_runs_training_again_and_keeps_what_is_before_it(tmp_path: Path) -> None:
    run(tmp_path / "cache", tmp_path)
    _, planned = plan(tmp_path / "cache", force=True)
    assert [(step.reused, step.why) for step in planned[1:3]] == [
        (True, "Nothing changed."), (False, "Training is forced (--force)."),
    ]  # fmt: skip


def test_plan_steps_with_a_moved_data_set_names_both_locations(tmp_path: Path) -> None:
    run(tmp_path / "cache", tmp_path, dataset="/data/a")
    _, planned = plan(tmp_path / "cache", dataset="/data/b")
    assert planned[0].why == "The data set moved from /data/a to /data/b."
    assert planned[1].reused


def test_restored_spec_undoes_all_changes() -> None:
    spec = small.pipeline_spec
    before = spec.SerializeToString(deterministic=True)
    with restored_spec(spec):
        plan_steps(spec, ARGUMENTS, {}, Path("nowhere"))
        assert spec.SerializeToString(deterministic=True) != before
    assert spec.SerializeToString(deterministic=True) == before
