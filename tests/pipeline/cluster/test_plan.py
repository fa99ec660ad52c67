import copy
from typing import Any

import pytest
from google.protobuf import json_format

from pipeline.cluster.plan import plan_submission
from pipeline.cluster.runs import FinishedRun
from pipeline.config import Settings
from pipeline.dag import captioning_pipeline
from pipeline.kubernetes import KubernetesSettings
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
    assert {(step.reused, step.why) for step in planned.values()} == {(False, "no run here before")}


def test_plan_submission_of_the_same_reuses_features_alone(spec: dict[str, Any]) -> None:
    # What was left to its default then is not among the parameters.
    planned = _plan({"epochs": 15.0}, spec)
    assert [name for name, step in planned.items() if step.reused] == ["features"]
    assert planned["features"].why == "nothing changed, if the data did not either"
    assert planned["ingest"].why == "each time: sees whether the data changed"
    assert planned["train"].why == "each time there is a reason to train"


def test_plan_submission_names_changed_settings_where_they_count(spec: dict[str, Any]) -> None:
    planned = _plan({}, spec, min_count=5, epochs=3)
    assert planned["ingest"].why == "each time: sees whether the data changed"
    assert planned["trigger"].why == "epochs: 15 → 3, min_count: 1 → 5"
    # Its examples hold the token ids of `normalize`.
    assert (planned["features"].reused, planned["features"].why) == (False, "min_count: 1 → 5")
    assert planned["train"].why == "epochs: 15 → 3, min_count: 1 → 5"
    assert _plan({}, spec, epochs=3)["features"].reused


def test_plan_submission_of_another_image_runs_all(spec: dict[str, Any]) -> None:
    planned = _plan({}, spec, image="here/captionflow:2")
    told = "image: captionflow-python:0.1.0 → here/captionflow:2"
    assert (planned["features"].reused, planned["features"].why) == (False, told)


def test_plan_submission_of_a_changed_component_says_so(spec: dict[str, Any]) -> None:
    then = copy.deepcopy(spec)
    then["deploymentSpec"]["executors"]["exec-features"]["container"]["command"] = ["older"]
    planned = _plan({}, then)
    assert (planned["features"].reused, planned["features"].why) == (
        False, "its component changed",
    )  # fmt: skip
    assert planned["train"].why == "its component changed"


def test_plan_submission_leaves_the_data_to_the_run(spec: dict[str, Any]) -> None:
    planned = _plan({}, spec, dataset="gs://elsewhere/photos.zip")
    assert planned["features"].reused
    assert planned["ingest"].why == "dataset: sample → gs://elsewhere/photos.zip"


def test_plan_submission_on_other_nodes_changes_nothing(spec: dict[str, Any]) -> None:
    assert _plan({}, spec, gpus="0", train_nodes={})["features"].reused
