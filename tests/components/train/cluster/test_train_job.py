import json
import re
import sys
from pathlib import Path

import jsonschema
import pytest

from components.errors import SettingError
from components.runtime.kubeflow_run import POD_ID_VARIABLE, POD_VARIABLE
from components.runtime.retry_policy import RUN_ID_VARIABLE
from components.settings.train import TrainSettings
from components.train import worker
from components.train.cluster.train_job import RUNTIME, TrainJob, run_train_job
from components.train.tracking import PipelineRun

SCHEMA = Path(__file__).parents[3] / "infra/trainer/specs.schema.json"
ARTIFACTS = {name: f"gs://b/{name}" for name in ("examples", "captions", "matrix")}
JOB = TrainJob(4, 1, "here/captionflow:1-gpu", ARTIFACTS, "gs://b/model")
RUN = PipelineRun("experiment: $(HOME)\nseed: 3\n", '{"photos": 2}', "first")


def test_manifest_follows_kubeflow_trainers_schema() -> None:
    for environment in ({}, {RUN_ID_VARIABLE: "r", POD_VARIABLE: "p", POD_ID_VARIABLE: "u"}):
        manifest = JOB.manifest(RUN, environment)
        jsonschema.validate(manifest["spec"], json.loads(SCHEMA.read_text())["TrainJob"])


def test_manifest_gives_each_worker_its_gpu_and_the_runs_image() -> None:
    spec = JOB.manifest(RUN, {})["spec"]
    assert spec["runtimeRef"]["name"] == RUNTIME
    trainer = spec["trainer"]
    assert (trainer["numNodes"], trainer["image"]) == (4, "here/captionflow:1-gpu")
    assert trainer["resourcesPerNode"] == {"limits": {"nvidia.com/gpu": "1"}}
    without = TrainJob(2, 0, "x", ARTIFACTS, "gs://b/model").manifest(RUN, {})
    assert "resourcesPerNode" not in without["spec"]["trainer"]


def test_manifest_has_the_arguments_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = JOB.manifest(RUN, {})["spec"]["trainer"]["args"]
    # Kubernetes gives a container `$(` for `$$(`, and else replaces `$(HOME)`.
    assert not [each for each in arguments if "$(" in each.replace("$$(", "")]
    monkeypatch.setattr(sys, "argv", ["worker", *(each.replace("$$", "$") for each in arguments)])
    parsed = worker._arguments()
    assert (parsed.workers, parsed.worker_gpus, parsed.model) == (4, 1, "gs://b/model")
    assert {name: getattr(parsed, name) for name in ARTIFACTS} == ARTIFACTS
    assert PipelineRun(parsed.settings, parsed.dataset_summary, parsed.run_name) == RUN
    assert worker._read_settings(parsed.settings)[1].seed == 3


def test_manifest_belongs_to_the_pod_and_the_run_that_created_it() -> None:
    environment = {RUN_ID_VARIABLE: "run-1", POD_VARIABLE: "pod-1", POD_ID_VARIABLE: "uid-1"}
    manifest = JOB.manifest(RUN, environment)
    (owner,) = manifest["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("Pod", "pod-1", "uid-1")
    assert manifest["spec"]["trainer"]["env"] == [{"name": RUN_ID_VARIABLE, "value": "run-1"}]


def test_manifest_has_one_name_in_all_attempts_of_a_run() -> None:
    def name(run: str, pod: str, model: str = "gs://b/model") -> str:
        job = TrainJob(100, 1, "x", ARTIFACTS, model)
        environment = {RUN_ID_VARIABLE: run, POD_VARIABLE: pod, POD_ID_VARIABLE: pod}
        return str(job.manifest(RUN, environment)["metadata"]["name"])

    # KFP's ids of runs.
    one, other = (f"1b4e28ba-2fa1-11d2-883f-0016d3cca42{last}" for last in "78")
    assert name(one, "pod-1") == name(one, "pod-2", "gs://b/second-attempt") != name(other, "pod-1")
    # JobSet appends the names of Job and pod, and Kubernetes five characters.
    assert len(f"{name(one, 'pod-1')}-node-0-99-abcde") <= 63
    assert re.fullmatch("[a-z][a-z0-9-]*[a-z0-9]", name(one, "pod-1"))


@pytest.mark.parametrize(
    ("artifacts", "model", "checkpoints", "message"),
    [
        ({"examples": "minio://b/e"}, "gs://b/m", "gs://b/c", "kfp-launcher.*minio://b/e"),
        (ARTIFACTS, "/local/model", "gs://b/c", "kfp-launcher.*/local/model"),
        (ARTIFACTS, "gs://b/m", "checkpoints", "checkpoints.*bucket"),
        (ARTIFACTS, "gs://b/m", "gs://b/c", "train_workers must be 1 outside of a cluster"),
    ],
)
def test_run_train_job_where_workers_share_nothing_states_the_rule(
    artifacts: dict[str, str],
    model: str,
    checkpoints: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As Kubernetes sets it in each pod.
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    settings = TrainSettings.check({"checkpoints": checkpoints})
    with pytest.raises(SettingError, match=message) as error:
        run_train_job(TrainJob(2, 0, "x", artifacts, model), settings, PipelineRun())
    # A flag of the worker's, not of `submit`.
    assert "--shared-checkpoints" not in str(error.value)
