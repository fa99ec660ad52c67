"""`compile` and `submit` through kfp's real client, to a server on loopback."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from pipeline.cluster import runs
from pipeline.cluster.connection import Address, connect
from pipeline.config import Settings
from pipeline.kubeflow import app
from pipeline.kubernetes_settings import KubernetesSettings

PROJECT = Path(__file__).parents[3]
Call = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("no_cluster")


def test_compile_writes_the_same_bytes_as_kfp_dsl_compile(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "build" / "ours.yaml", tmp_path / "theirs.yaml"
    result = CliRunner().invoke(app, ["compile", "-o", str(ours)])
    assert (result.exit_code, result.output) == (0, f"{ours}\n")
    kfp = [Path(sys.executable).with_name("kfp"), "dsl", "compile", "--py", "pipeline/dag.py"]
    subprocess.run([*kfp, "--output", theirs], check=True, capture_output=True, cwd=PROJECT)
    assert ours.read_bytes() == theirs.read_bytes()


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("captionflow.json", "captionflow: output must end in .yaml. Received: 'captionflow.json'"),
        ("/dev/null/captionflow.yaml", "captionflow: output must be a writable file"),
    ],
)
def test_compile_to_a_wrong_path_fails(output: str, message: str) -> None:
    result = CliRunner().invoke(app, ["compile", "--output", output])
    assert result.exit_code == 2
    assert result.stderr.startswith(message)


def test_submit_sends_the_package_as_it_is_compiled(kfp_server: Any, package: Path) -> None:
    assert CliRunner().invoke(app, ["submit", "--host", kfp_server.url]).exit_code == 0
    (request,) = kfp_server.sent("POST", "/apis/v2beta1/runs")
    sent, (pipeline, platform) = request.body, yaml.safe_load_all(package.read_text())
    assert sent["pipeline_spec"] == {"pipeline_spec": pipeline, "platform_spec": platform}


def test_submit_sends_every_parameter_with_its_type(call: Call, kfp_server: Any) -> None:
    result = call(
        "submit", "--preset", "flickr8k", "--dataset", "gs://b/f.zip", "--glove", "s3://b/g.zip",
        "--epochs", 3, "--dropout", 0.25, "--force", "--no-train-embeddings",
        "--gpus", 2, "--train-nodes", '{"pool": "a"}', "--image", "registry/flow:1",
        "--run-name", "first", "--kfp-experiment", "trial",
    )  # fmt: skip
    assert result.exit_code == 0
    (experiment,) = kfp_server.sent("POST", "/experiments")
    assert experiment.body["display_name"] == "trial"
    (run,) = kfp_server.runs.values()
    assert (run["display_name"], run["experiment_id"]) == ("first", "experiment-1")
    sent = run["runtime_config"]["parameters"]
    assert set(sent) == {*Settings.model_fields, *KubernetesSettings.model_fields}
    expected = {
        "dataset": "gs://b/f.zip", "epochs": 3, "dropout": 0.25, "force": True,
        "train_embeddings": False, "gpus": 2, "train_nodes": {"pool": "a"}, "units": 512,
        "image": "registry/flow:1", "train_image": "registry/flow:1-gpu",
    }  # fmt: skip
    assert {name: sent[name] for name in expected} == expected
    assert {name: type(sent[name]) for name in expected} == {
        name: type(value) for name, value in expected.items()
    }


def test_submit_takes_own_data_with_a_preset_and_a_registered_model_to_continue_from(
    call: Call, kfp_server: Any
) -> None:
    result = call(
        "submit", "--preset", "small", "--dataset", "gs://b/pets.zip", "--model-name", "pets",
        "--start-from", "models:/captionflow-flickr8k@champion",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    (run,) = kfp_server.runs.values()
    sent = run["runtime_config"]["parameters"]
    assert sent["start_from"] == "models:/captionflow-flickr8k@champion"
    assert (sent["glove"], sent["model_name"]) == ("none", "pets")


def test_submit_without_gpus_asks_for_no_gpu_node_and_no_gpu_image(
    call: Call, kfp_server: Any
) -> None:
    assert call("submit", "--gpus", 0, "--image", "registry/flow:1").exit_code == 0
    (run,) = kfp_server.runs.values()
    sent = run["runtime_config"]["parameters"]
    assert (sent["gpus"], sent["train_nodes"]) == (0, {})
    assert sent["train_image"] == "registry/flow:1"
    # Relative to the step's working folder: volumes of the cluster.
    assert (sent["store"], sent["checkpoints"]) == ("features", "checkpoints")


def test_submit_of_several_workers_with_checkpoints_in_a_bucket_sends_them(
    call: Call, kfp_server: Any
) -> None:
    options = ("--train-workers", 4, "--worker-gpus", 1, "--checkpoints", "gs://b/checkpoints")
    assert call("submit", *options).exit_code == 0
    (run,) = kfp_server.runs.values()
    sent = run["runtime_config"]["parameters"]
    names = ("train_workers", "worker_gpus", "gpus", "checkpoints")
    assert [sent[name] for name in names] == [4, 1, 0, "gs://b/checkpoints"]


def test_submit_of_several_workers_offers_no_flag_that_it_lacks(call: Call) -> None:
    result = call("submit", "--train-workers", 4)
    assert "checkpoints must be" in result.stderr
    assert "--shared-checkpoints" not in result.stderr


def test_submit_prints_the_runs_id_and_page(call: Call, kfp_server: Any) -> None:
    result = call("submit")
    (run_id,) = kfp_server.runs
    page = f"{kfp_server.url}/#/runs/details/{run_id}"
    assert result.stdout == f"Run   {run_id}\nPage  {page}\n"
    assert result.stderr == ""


def test_submit_twice_uses_one_experiment(call: Call, kfp_server: Any) -> None:
    assert [call("submit").exit_code, call("submit").exit_code] == [0, 0]
    assert len(kfp_server.experiments) == 1
    assert len(kfp_server.runs) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--epochs", 0), "epochs must be greater than or equal to 1. Received: '0'"),
        (("--gpus", "many"), "gpus must be a valid integer. Received: 'many'"),
        (("--train-nodes", "pool=a"), "train_nodes must be a JSON object"),
        (("--preset", "flickr8k"), "give --dataset PATH --glove PATH"),
        (("--dataset", "photos.zip"), "dataset must be readable from the cluster: gs://"),
        (("--dataset", "gs://b/f.zip"), "Give --preset small for fewer than 2,000 photos"),
        (("--start-from", "bundle"), "start_from must be readable from the cluster: gs://"),
        (("--checkpoints", "mine"), "checkpoints must outlive the step's pod"),
        (("--checkpoints", "checkpoints/../mine"), "Received: 'checkpoints/../mine'"),
        (("--train-workers", 4), "Received for 4 workers: checkpoints"),
        (("--train-workers", 4, "--checkpoints", "checkpoints/mine"), "gs://"),
        (("--worker-gpus", 1), "worker_gpus needs train_workers above 1"),
        (("--store", "mine"), "store must outlive the step's pod: gs://"),
        (("--store", "/features"), "Received: '/features'"),
    ],
)
def test_submit_with_a_wrong_setting_submits_nothing(
    call: Call, kfp_server: Any, options: tuple[object, ...], message: str
) -> None:
    result = call("submit", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert kfp_server.requests == []


def test_last_run_returns_the_newest_that_succeeded(call: Call, kfp_server: Any) -> None:
    client = connect(Address(host=kfp_server.url))
    assert runs.last_run(client, "captionflow") is None
    for epochs, state in ((1, "SUCCEEDED"), (2, "SUCCEEDED"), (3, "FAILED")):
        assert call("submit", "--epochs", epochs).exit_code == 0
        run = list(kfp_server.runs.values())[-1]
        run["state"] = state
    # One that ended at its trigger, and newer.
    assert call("submit", "--epochs", 4).exit_code == 0
    early = {"task_details": [{"display_name": "ingest"}, {"display_name": "trigger"}]}
    list(kfp_server.runs.values())[-1].update(state="SUCCEEDED", run_details=early)
    # Another pipeline in the same experiment, and newer.
    other = {"pipeline_spec": {"pipelineInfo": {"name": "other"}}, "experiment_id": "experiment-1"}
    for _ in range(3):
        kfp_server.add("run", other, state="SUCCEEDED")
    last = runs.last_run(client, "captionflow")
    assert last is not None
    assert last.parameters["epochs"] == 2
    assert last.pipeline_spec["pipelineInfo"]["name"] == "captionflow"
    second = list(kfp_server.runs)[1]
    assert last.address == f"{kfp_server.url}/#/runs/details/{second}"


def test_submit_plan_compares_with_the_last_run_and_submits_nothing(
    call: Call, kfp_server: Any
) -> None:
    message = call("submit", "--plan").output
    assert message.count("no successful run yet") == 10
    assert not kfp_server.runs
    call("submit", "--run-name", "first")
    (run,) = kfp_server.runs.values()
    run["state"] = "SUCCEEDED"
    message = call("submit", "--plan", "--epochs", "3").output
    lines = {line.split()[0]: line for line in message.splitlines()}
    assert "feature store" in lines["features"]
    assert "epochs changed from 15 to 3" in lines["train"]
    assert lines["Compared"].startswith("Compared with first: ")
    assert len(kfp_server.runs) == 1
