"""The rendered manifests of infra/flink and their schemas; Beam's flags in its README."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    GoogleCloudOptions,
    PortableOptions,
)
from manifests import Manifest, assert_refuses_misspelt, assert_valid, kinds, only, render

from components.runtime.beam import ComputeOptions, beam_options
from components.runtime.image import IMAGE
from components.settings.beam_flags import temp_location

PROJECT = Path(__file__).parents[3]
README = (PROJECT / "infra/flink/README.md").read_text()
SCHEMA = json.loads(Path(__file__).with_name("flinkdeployment.schema.json").read_text())


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    return render("flink/base")


@pytest.fixture
def cluster(manifests: list[Manifest]) -> Any:
    return only(manifests, "FlinkDeployment")


@pytest.fixture
def pod(cluster: Any) -> Any:
    return cluster["spec"]["taskManager"]["podTemplate"]


@pytest.fixture
def workers(pod: Any) -> Any:
    (workers,) = (c for c in pod["spec"]["containers"] if c["name"] == "beam-workers")
    return workers


def _flags(name: str) -> str:
    """Returns the flags of a block of the README."""
    (block,) = re.findall(rf"```bash\n{name}=\"(.*?)\"\n```", README, re.DOTALL)
    flags = block.replace("\\\n", " ")
    return str(re.sub(r"\$\w+", "bucket", flags))


def test_cluster_follows_the_operators_schema(cluster: Any) -> None:
    assert cluster["apiVersion"] == "flink.apache.org/v1beta1"
    jsonschema.validate(cluster["spec"], SCHEMA)


@pytest.mark.parametrize("path", [(), ("taskManager",), ("jobManager", "resource")])
def test_schema_refuses_misspelt_field(cluster: Any, path: Any) -> None:
    assert_refuses_misspelt(SCHEMA, cluster["spec"], path)


def test_pod_template_and_policies_follow_kubernetes_schema(
    pod: Any, manifests: list[Manifest]
) -> None:
    # The operator gives Flink's own container its image.
    pod = copy.deepcopy(pod)
    pod["spec"]["containers"][0]["image"] = "flink:1.20"
    policies = [m for m in manifests if m["kind"] != "FlinkDeployment"]
    assert kinds(policies) == {"NetworkPolicy"}
    assert_valid(pod, *policies)


def test_flink_starts_a_failed_job_again(cluster: Any) -> None:
    settings = cluster["spec"]["flinkConfiguration"]
    assert settings["restart-strategy.type"] == "fixed-delay"
    assert int(settings["restart-strategy.fixed-delay.attempts"]) > 1


def test_workers_run_in_our_image_with_no_rights_to_spare(workers: Any, pod: Any) -> None:
    assert workers["image"] == IMAGE
    assert workers["command"] == ["python", "-m", "apache_beam.runners.worker.worker_pool_main"]
    rights = workers["securityContext"]
    assert rights["runAsNonRoot"] and rights["readOnlyRootFilesystem"]
    assert rights["runAsUser"] == 10001 and not rights["allowPrivilegeEscalation"]
    volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
    assert {mount["name"] for mount in workers["volumeMounts"]} == volumes
    assert workers["resources"].keys() == {"requests", "limits"}


def test_flags_for_flink_lead_to_the_cluster(cluster: Any, workers: Any) -> None:
    flags = _flags("FLINK")
    options = beam_options(flags)
    flink = options.view_as(FlinkRunnerOptions)
    assert flink.flink_master == f"http://{cluster['metadata']['name']}-rest:8081"
    version = cluster["spec"]["flinkVersion"].removeprefix("v").replace("_", ".")
    assert (flink.flink_version, cluster["spec"]["image"]) == (version, f"flink:{version}")
    assert flink.flink_submit_uber_jar
    (argument,) = workers["args"]
    port = argument.partition("=")[2]
    assert options.view_as(PortableOptions).environment_config == f"localhost:{port}"
    slots = cluster["spec"]["flinkConfiguration"]["slotmanager.number-of-slots.max"]
    assert flink.parallelism == int(slots)
    assert temp_location(flags) == "s3://bucket/beam"
    dockerfile = (PROJECT / "infra/flink/Dockerfile").read_text()
    assert f" {flink.flink_job_server_jar}\n" in dockerfile
    assert f"ARG FLINK={version}\n" in dockerfile


def test_flags_for_dataflow_have_hints_for_the_encoder() -> None:
    flags = _flags("DATAFLOW")
    options = beam_options(flags)
    assert options.view_as(GoogleCloudOptions).project == "bucket"
    assert temp_location(flags) == "gs://bucket/beam"
    assert options.view_as(ComputeOptions).hints() == {"min_ram": "4GB"}
    (gpu,) = re.findall(r"`(--compute_accelerator=.*?)`", README)
    both = beam_options(f"{flags} {gpu}").view_as(ComputeOptions)
    assert both.hints()["accelerator"].startswith("type:nvidia-tesla-t4;")


def test_dockerfile_passes_hadolint_and_has_the_pinned_beam() -> None:
    dockerfile = PROJECT / "infra/flink/Dockerfile"
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, dockerfile], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)
    pinned = (PROJECT / "infra/requirements/run.txt").read_text()
    (beam,) = re.findall(r"^apache-beam\S*==(\S+)", pinned, re.MULTILINE)
    assert set(re.findall(r"ARG BEAM=(\S+)", dockerfile.read_text())) == {beam}
