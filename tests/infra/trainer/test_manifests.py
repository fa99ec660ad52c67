"""The manifests of infra/trainer: Kubeflow Trainer's and Kubernetes' schemas, and our own rules."""

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from manifests import INFRA, Manifest, assert_refuses_misspelt, assert_valid, kinds, only, render

from components.train.cluster.jobs import PLURAL
from components.train.cluster.train_job import GROUP, RUNTIME
from components.train.worker import INDEX_VARIABLE, JOB_VARIABLE, PORT, cluster_config

SCHEMAS = json.loads(Path(__file__).with_name("specs.schema.json").read_text())


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    return render("trainer")


@pytest.fixture(scope="module")
def runtime(manifests: list[Manifest]) -> Any:
    return only(manifests, "TrainingRuntime")


@pytest.fixture(scope="module")
def worker_job(runtime: Any) -> Any:
    """The template of the workers' Job."""
    (job,) = runtime["spec"]["template"]["spec"]["replicatedJobs"]
    return job


@pytest.fixture(scope="module")
def container(worker_job: Any) -> Any:
    (container,) = worker_job["template"]["spec"]["template"]["spec"]["containers"]
    return container


@pytest.fixture(scope="module")
def train_job() -> Any:
    return yaml.safe_load((INFRA / "trainer/job.yaml").read_text())


def test_manifests_follow_kubeflow_trainers_schemas(runtime: Any, train_job: Any) -> None:
    for manifest in (runtime, train_job):
        assert manifest["apiVersion"] == "trainer.kubeflow.org/v1alpha1"
        jsonschema.validate(manifest["spec"], SCHEMAS[manifest["kind"]])


@pytest.mark.parametrize("path", [(), ("mlPolicy",), ("template", "spec", "failurePolicy")])
def test_schema_refuses_misspelt_field(runtime: Any, path: tuple[str, ...]) -> None:
    assert_refuses_misspelt(SCHEMAS["TrainingRuntime"], runtime["spec"], path)


def test_workers_are_a_valid_kubernetes_job(worker_job: Any) -> None:
    template = worker_job["template"]
    job = {"apiVersion": "batch/v1", "kind": "Job", **template}
    assert_valid({**job, "metadata": {"name": "x"}})


def test_other_manifests_follow_kubernetes_schema(manifests: list[Manifest]) -> None:
    others = [each for each in manifests if each["kind"] != "TrainingRuntime"]
    assert kinds(others) == {"NetworkPolicy", "Role", "RoleBinding", "ServiceAccount"}
    assert_valid(*others)


def test_kubeflow_trainer_finds_job_and_container(worker_job: Any, container: Any) -> None:
    # Names and label by which Kubeflow Trainer v2.3 finds what it changes (pkg/constants).
    assert (worker_job["name"], container["name"]) == ("node", "node")
    labels = worker_job["template"]["metadata"]["labels"]
    assert labels["trainer.kubeflow.org/trainjob-ancestor-step"] == "trainer"


def test_train_job_uses_the_runtime_and_names_its_workers(runtime: Any, train_job: Any) -> None:
    spec = train_job["spec"]
    assert spec["runtimeRef"]["name"] == runtime["metadata"]["name"]
    assert train_job["metadata"]["namespace"] == runtime["metadata"]["namespace"]
    assert f"--workers={spec['trainer']['numNodes']}" in spec["trainer"]["args"]


def test_arguments_of_the_train_job_are_those_of_the_worker(
    container: Any, train_job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.train import worker

    assert container["command"] == ["python", "-m", worker.__name__]
    monkeypatch.setattr(sys, "argv", ["worker", *train_job["spec"]["trainer"]["args"]])
    arguments = worker._arguments()
    assert (arguments.workers, arguments.model) == (2, "gs://BUCKET/model")
    limits = train_job["spec"]["trainer"]["resourcesPerNode"]["limits"]
    assert limits == {"nvidia.com/gpu": str(arguments.worker_gpus)}


def test_workers_find_each_other(manifests: list[Manifest], container: Any) -> None:
    (variable,) = (each for each in container["env"] if each["name"] == JOB_VARIABLE)
    assert "jobset-name" in variable["valueFrom"]["fieldRef"]["fieldPath"]
    assert [port["containerPort"] for port in container["ports"]] == [PORT]
    policy = only(manifests, "NetworkPolicy", "captionflow-train")
    for rules, peers in (("ingress", "from"), ("egress", "to")):
        own, port = policy["spec"][rules][0][peers], policy["spec"][rules][0]["ports"]
        assert [peer["podSelector"] for peer in own] == [policy["spec"]["podSelector"]]
        assert [each["port"] for each in port] == [PORT]
    config = json.loads(cluster_config({JOB_VARIABLE: "captions", INDEX_VARIABLE: "1"}, 2))
    assert config == {
        "cluster": {
            "worker": [
                "captions-node-0-0.captions:29500",
                "captions-node-0-1.captions:29500",
            ]
        },
        "task": {"type": "worker", "index": 1},
    }


def test_step_may_do_with_train_jobs_what_it_does(manifests: list[Manifest], runtime: Any) -> None:
    role = only(manifests, "Role")
    (rule,) = role["rules"]
    assert (rule["apiGroups"], rule["resources"]) == ([GROUP], [PLURAL])
    assert set(rule["verbs"]) == {"create", "get", "delete"}
    binding = only(manifests, "RoleBinding")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert [each["name"] for each in binding["subjects"]] == ["pipeline-runner"]
    assert runtime["metadata"]["name"] == RUNTIME


def test_a_worker_that_ends_restarts_all(runtime: Any, worker_job: Any) -> None:
    assert runtime["spec"]["template"]["spec"]["failurePolicy"]["maxRestarts"] > 0
    job = worker_job["template"]["spec"]
    assert job["backoffLimit"] == 0
    assert job["template"]["spec"]["restartPolicy"] == "Never"
