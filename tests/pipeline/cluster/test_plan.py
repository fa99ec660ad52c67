import copy
from typing import Any

import pytest
from google.protobuf import json_format

from pipeline.cluster.plan import plan_submission
from pipeline.cluster.runs import FinishedRun
from pipeline.config import Settings
from pipeline.dag import captioning_pipeline
from pipeline.kubernetes_settings import KubernetesSettings
from pipeline.plan import PlannedStep

_ARGUMENTS = {**Settings().model_dump(), **KubernetesSettings().model_dump()}


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return json_format.MessageToDict(captioning_pipeline.pipeline_spec)


def _plan(
    last: dict[str, Any] | None, then: dict[str, Any], **changed: object
) -> dict[str, PlannedStep]:
    run = None if last is None else FinishedRun("first", last, then, "")
    planned = plan_submission(captioning_pipeline.pipeline_spec, {**_ARGUMENTS, **changed}, run)
    return {step.name: step for step in planned}


def test_plan_submission_without_an_earlier_run_runs_all(spec: dict[str, Any]) -> None:
    planned = _plan(None, spec)
    assert len(planned) == 10
    assert {(step.reused, step.why) for step in planned.values()} == {
        (False, "This experiment has no successful run yet.")
    }


def test_plan_submission_without_changes_describes_each_step(spec: dict[str, Any]) -> None:
    # What was left to its default then is not among the parameters.
    planned = _plan({"epochs": 15.0}, spec)
    # KFP reuses no step; the feature store and the checkpoints spare the work within them.
    assert not any(step.reused for step in planned.values())
    assert "feature store" in planned["features"].why
    assert "checkpoints" in planned["train"].why
    assert planned["normalize"].why.startswith("No setting changed")


def test_plan_submission_without_a_store_encodes_all_photos(
    spec: dict[str, Any],
) -> None:
    planned = _plan({}, spec, store="")
    assert planned["features"].why == "Encodes all photos, since --store is empty."


def test_plan_submission_names_changed_settings_where_they_count(spec: dict[str, Any]) -> None:
    planned = _plan({}, spec, min_count=5, epochs=3)
    assert "changed from" not in planned["ingest"].why
    assert planned["trigger"].why.startswith(
        "epochs changed from 15 to 3. min_count changed from 1 to 5. "
    )
    # Its examples hold the token ids of `normalize`.
    assert planned["features"].why.startswith("min_count changed from 1 to 5. ")
    assert planned["train"].why.startswith(
        "epochs changed from 15 to 3. min_count changed from 1 to 5. "
    )
    assert "changed from" not in _plan({}, spec, epochs=3)["features"].why


def test_plan_submission_of_another_image_names_it_at_each_step(spec: dict[str, Any]) -> None:
    planned = _plan({}, spec, image="here/captionflow:2")
    for step in planned.values():
        assert "image changed from captionflow-python:0.1.0 to here/captionflow:2." in step.why


def test_plan_submission_with_a_changed_component_names_its_steps(spec: dict[str, Any]) -> None:
    then = copy.deepcopy(spec)
    then["deploymentSpec"]["executors"]["exec-features"]["container"]["command"] = ["older"]
    planned = _plan({}, then)
    assert planned["features"].why.startswith("Its component changed. ")
    assert planned["train"].why.startswith("Its component changed. ")
    assert "component" not in planned["normalize"].why


def test_plan_submission_on_other_nodes_changes_nothing(spec: dict[str, Any]) -> None:
    assert _plan({}, spec, gpus=0, train_nodes={}) == _plan({}, spec)
