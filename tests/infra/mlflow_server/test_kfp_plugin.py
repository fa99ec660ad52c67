"""KFP's MLflow plugin on the manifests' server: its requests, sent as the account of the runs.

Sources are of kubeflow/pipelines 2.17.0: OnBeforeRunCreation and OnRunEnd in
backend/src/apiserver/plugins/mlflow, OnTaskStart and OnTaskEnd in
backend/src/v2/common/plugins/mlflow, the client in backend/src/common/plugins/mlflow/client.go.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from components.registry.runs import end_run, start_run
from components.runtime.kubeflow_run import UI_URL_VARIABLE, kubeflow_tags
from components.runtime.retry_policy import RUN_ID_VARIABLE
from components.settings.train import TrainSettings

CONFIG = json.loads(
    (Path(__file__).parents[3] / "infra/kubernetes/kfp/mlflow-plugin.json").read_text()
)["mlflow"]
EXPERIMENT = TrainSettings.model_fields["experiment"].default


@pytest.fixture
def send(server: Any) -> Any:
    """Sends a request as the plugin does, with the Secret kfp-mlflow-credentials."""

    def send(path: str, query: dict[str, str] | None = None, **body: Any) -> dict[str, Any]:
        response = requests.request(
            "GET" if query else "POST",
            f"{server.uri}/api/2.0/mlflow/{path}",
            params=query,
            json=None if query else body,
            auth=("captionflow", server.passwords["run-password"]),
            timeout=60,
        )
        if response.status_code == 404:
            return {}
        response.raise_for_status()
        return dict(response.json())

    return send


def _start(send: Any, run_id: str) -> dict[str, str]:
    """Creates the run of a KFP run; returns the part of KFP_MLFLOW_CONFIG that we read."""
    name = CONFIG["settings"]["defaultExperimentName"]
    found = send("experiments/get-by-name", {"experiment_name": name})
    experiment = found.get("experiment") or send(
        "experiments/create", name=name, description="Created by Kubeflow Pipelines"
    )
    tags = {
        "kfp.pipeline_run_id": run_id,
        "kfp.pipeline_run_url": f"{CONFIG['settings']['kfpBaseURL']}/#/runs/details/{run_id}",
    }
    run = _create(send, experiment["experiment_id"], "first", tags)
    return {"parentRunId": run, "experimentId": experiment["experiment_id"]}


def _create(send: Any, experiment: str, name: str, tags: dict[str, str]) -> str:
    pairs = [{"key": key, "value": value} for key, value in tags.items()]
    run = send("runs/create", experiment_id=experiment, run_name=name, start_time=1, tags=pairs)
    return str(run["run"]["info"]["run_id"])


def _below(send: Any, config: dict[str, str], parent: str) -> dict[str, Any]:
    found = send(
        "runs/search", experiment_ids=[config["experimentId"]], max_results=1000,
        filter=f"tags.\"mlflow.parentRunId\" = '{parent}'",
    )  # fmt: skip
    return {run["info"]["run_name"]: run for run in found.get("runs", [])}


def test_training_of_a_kfp_run_is_in_the_tree_of_the_plugin(
    send: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _start(send, "0a1b")
    root = config["parentRunId"]
    step = _create(send, config["experimentId"], "train", {"mlflow.parentRunId": root})

    monkeypatch.setenv(RUN_ID_VARIABLE, "0a1b")
    monkeypatch.setenv(UI_URL_VARIABLE, CONFIG["settings"]["kfpBaseURL"])
    monkeypatch.setenv("KFP_MLFLOW_CONFIG", json.dumps(config))
    training = start_run(EXPERIMENT, "train-12", {"epochs": 5}, kubeflow_tags("first"))

    send("runs/log-batch", run_id=step, params=[{"key": "epochs", "value": "5"}])
    send("runs/update", run_id=step, status="FINISHED", end_time=2)
    children = _below(send, config, root)
    assert children.keys() == {"train", "train-12"}
    # One search finds the KFP run and the training, which have the same address of KFP's page.
    found = send(
        "runs/search", experiment_ids=[config["experimentId"]], max_results=1000,
        filter="tags.\"kfp.pipeline_run_id\" = '0a1b'",
    )["runs"]  # fmt: skip
    tags = [{tag["key"]: tag["value"] for tag in run["data"]["tags"]} for run in found]
    assert {run["info"]["run_id"] for run in found} == {root, training}
    assert len({each["kfp.pipeline_run_url"] for each in tags}) == 1

    # A finished training stays as it is when the plugin ends what is still active.
    end_run(training)
    send("runs/update", run_id=root, status="FAILED", end_time=3)
    statuses = {name: run["info"]["status"] for name, run in _below(send, config, root).items()}
    assert statuses == {"train": "FINISHED", "train-12": "FINISHED"}


def test_plugin_ends_the_training_of_a_kfp_run_that_was_stopped(
    send: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _start(send, "3c4d")
    monkeypatch.setenv(RUN_ID_VARIABLE, "3c4d")
    monkeypatch.setenv("KFP_MLFLOW_CONFIG", json.dumps(config))
    training = start_run(EXPERIMENT, "train-34", {}, kubeflow_tags("second"))
    # syncNestedRuns: every active run below it gets the status of the KFP run.
    for run in _below(send, config, config["parentRunId"]).values():
        assert run["info"]["status"] == "RUNNING"
        send("runs/update", run_id=run["info"]["run_id"], status="KILLED", end_time=4)
    found = send("runs/get", {"run_id": training})
    assert found["run"]["info"]["status"] == "KILLED"
