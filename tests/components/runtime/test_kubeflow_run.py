import json
import logging
from pathlib import Path

import pytest
from mlflow import MlflowClient

from components.registry.runs import start_run
from components.runtime.kubeflow_run import UI_URL_VARIABLE, kubeflow_tags
from components.runtime.retry_policy import RUN_ID_VARIABLE

_PLUGIN_VARIABLE = "KFP_MLFLOW_CONFIG"


@pytest.fixture(autouse=True)
def kfp_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_ID_VARIABLE, "0a1b-2c")
    for name in (UI_URL_VARIABLE, _PLUGIN_VARIABLE):
        monkeypatch.delenv(name, raising=False)


def test_kubeflow_tags_outside_of_kfp_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUN_ID_VARIABLE)
    monkeypatch.setenv(_PLUGIN_VARIABLE, '{"parentRunId": "x"}')
    assert kubeflow_tags("first") == {}


def test_kubeflow_tags_without_plugin_name_the_kfp_run(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {"kfp.pipeline_run_id": "0a1b-2c", "kfp.pipeline_run_name": "first"}
    assert kubeflow_tags("first") == expected
    monkeypatch.setenv(UI_URL_VARIABLE, "http://localhost:8080/")
    address = "http://localhost:8080/#/runs/details/0a1b-2c"
    assert kubeflow_tags("first") == expected | {"kfp.pipeline_run_url": address}


def test_kubeflow_tags_nest_below_the_run_of_the_plugin(
    mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = start_run("captionflow", "first", {})
    monkeypatch.setenv(_PLUGIN_VARIABLE, json.dumps({"parentRunId": parent, "timeout": "30s"}))
    child = start_run("captionflow", "train-1", {}, kubeflow_tags("first"))
    client = MlflowClient()
    found = client.search_runs(
        [client.get_run(parent).info.experiment_id], f"tags.`mlflow.parentRunId` = '{parent}'"
    )
    assert [run.info.run_id for run in found] == [child]


@pytest.mark.parametrize(
    "config",
    [
        json.dumps({"parentRunId": "0123456789abcdef0123456789abcdef"}),  # of another server
        json.dumps({"parentRunId": ""}),
        json.dumps({"endpoint": "http://mlflow"}),
        json.dumps(["parentRunId"]),
        "not JSON",
    ],
)
def test_kubeflow_tags_without_a_usable_parent_warn_and_go_on(
    mlflow_root: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    config: str,
) -> None:
    monkeypatch.setenv(_PLUGIN_VARIABLE, config)
    with caplog.at_level(logging.WARNING):
        assert kubeflow_tags("first").keys() == {"kfp.pipeline_run_id", "kfp.pipeline_run_name"}
    assert len(caplog.records) == 1
