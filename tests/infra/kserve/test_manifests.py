"""The rendered manifests: KServe's and Kubernetes' schemas, Knative's rules, and our own."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from manifests import assert_refuses_misspelt, assert_valid, kinds, only

from components.describing.http.bodies import MAX_BODIES
from components.runtime.image import IMAGE

PROJECT = Path(__file__).parents[3]
SCHEMA = json.loads(Path(__file__).with_name("predictor.schema.json").read_text())
# What Knative Serving 1.23 admits without feature flags (pkg/apis/serving/fieldmask.go and
# k8s_validation.go): fields of a pod, volumes, port names, reserved ports and variables.
KNATIVE_POD = {
    "automountServiceAccountToken", "containers", "enableServiceLinks", "imagePullSecrets",
    "serviceAccountName", "volumes",
}  # fmt: skip
KNATIVE_VOLUMES = {"configMap", "emptyDir", "projected", "secret"}
KNATIVE_PORT_NAMES = {None, "h2c", "http1"}
KNATIVE_PORTS = {8008, 8012, 8013, 8022, 9090, 9091}
KNATIVE_VARIABLES = {"K_CONFIGURATION", "K_REVISION", "K_SERVICE", "PORT"}
# Fields that KServe adds to those of a pod (ComponentExtensionSpec).
KSERVE = {
    "annotations", "canaryTrafficPercent", "containerConcurrency", "labels", "maxReplicas",
    "minReplicas", "scaleMetric", "scaleTarget", "timeout",
}  # fmt: skip


@pytest.fixture
def service(manifests: Any) -> Any:
    return only(manifests, "InferenceService")


@pytest.fixture
def predictor(service: Any) -> Any:
    return service["spec"]["predictor"]


@pytest.fixture
def container(predictor: Any) -> Any:
    (container,) = predictor["containers"]
    return container


def test_predictor_follows_kserves_schema(service: Any, predictor: Any) -> None:
    assert service["apiVersion"] == "serving.kserve.io/v1beta1"
    assert service["spec"].keys() == {"predictor"}
    jsonschema.validate(predictor, SCHEMA)


@pytest.mark.parametrize("path", [(), ("containers", 0), ("containers", 0, "startupProbe")])
def test_schema_refuses_misspelt_field(predictor: Any, path: Any) -> None:
    assert_refuses_misspelt(SCHEMA, predictor, path)


def test_other_manifests_follow_kubernetes_schema(manifests: Any) -> None:
    others = [m for m in manifests if m["kind"] != "InferenceService"]
    assert kinds(others) == {"NetworkPolicy", "ServiceAccount"}
    assert_valid(*others)


def test_pod_is_a_valid_kubernetes_pod(predictor: Any) -> None:
    # Strictly, with the whole schema: KServe's CRD is generated from it.
    spec = {name: value for name, value in predictor.items() if name not in KSERVE}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": spec}
    assert_valid(pod)


def test_pod_has_only_what_knative_admits(predictor: Any, container: Any) -> None:
    assert predictor.keys() - KSERVE <= KNATIVE_POD
    kinds = {kind for volume in predictor["volumes"] for kind in volume.keys() - {"name"}}
    assert kinds <= KNATIVE_VOLUMES
    (port,) = container["ports"]
    assert port.get("name") in KNATIVE_PORT_NAMES
    assert port["containerPort"] not in KNATIVE_PORTS
    assert not {entry["name"] for entry in container["env"]} & KNATIVE_VARIABLES
    writable = {volume["name"] for volume in predictor["volumes"] if "emptyDir" in volume}
    for mount in container["volumeMounts"]:
        assert mount.get("readOnly", False) or mount["name"] in writable
    assert container["name"] == "kserve-container"


def test_pod_has_no_rights_to_spare(predictor: Any, container: Any) -> None:
    dockerfile = (PROJECT / "infra/docker/Dockerfile").read_text()
    (user,) = set(re.findall(r"^USER (\d+):\1$", dockerfile, re.MULTILINE))
    assert predictor["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": int(user),
        "runAsGroup": int(user),
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert container["resources"]["limits"].keys() == {"cpu", "memory"}
    assert container["image"] == IMAGE


def test_probes_wait_for_the_warm_up(container: Any) -> None:
    (port,) = container["ports"]
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[name]["httpGet"] == {"path": "/ping", "port": port["containerPort"]}
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 300


def test_service_scales_to_zero_and_admits_what_the_server_does(
    service: Any, predictor: Any
) -> None:
    # Only Knative scales to zero and splits the traffic of a custom predictor.
    assert service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Knative"
    assert predictor["minReplicas"] == 0 < predictor["maxReplicas"]
    assert predictor["containerConcurrency"] == MAX_BODIES > predictor["scaleTarget"]


def test_prometheus_finds_the_metrics(predictor: Any, container: Any) -> None:
    (port,) = container["ports"]
    assert predictor["annotations"] == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(port["containerPort"]),
        "prometheus.io/path": "/metrics",
    }


def test_canary_differs_from_the_base_in_alias_and_traffic_only(predictor_of: Any) -> None:
    base, canary = predictor_of("base"), predictor_of("canary")
    assert canary.pop("canaryTrafficPercent") == 10
    (model, *args), (candidate, *same) = (p["containers"][0].pop("args") for p in (base, canary))
    assert model == "--model=models:/captionflow-sample@champion"
    assert candidate == "--model=models:/captionflow-sample@candidate"
    assert args == same and base == canary


def test_network_lets_requests_in_and_the_model_be_downloaded(
    manifests: Any, predictor: Any, container: Any
) -> None:
    policies = {m["metadata"]["name"]: m["spec"] for m in manifests if m["kind"] == "NetworkPolicy"}
    ours = policies["captionflow-serve"]
    mlflow = policies["mlflow-from-captionflow-serve"]
    labels = ours["podSelector"]["matchLabels"]
    assert labels.items() <= predictor["labels"].items()
    assert predictor["labels"]["app.kubernetes.io/part-of"] == "captionflow"
    (rule,) = ours["ingress"]
    (port,) = container["ports"]
    assert {8012, port["containerPort"]} <= {each["port"] for each in rule["ports"]}
    (out,), (into,) = ours["egress"], mlflow["ingress"]
    assert out["to"] == [{"podSelector": mlflow["podSelector"]}]
    assert into["from"] == [{"podSelector": ours["podSelector"]}]
    assert out["ports"] == into["ports"] == [{"protocol": "TCP", "port": 5000}]


def test_references_are_those_of_the_other_manifests(
    manifests: Any, predictor: Any, container: Any
) -> None:
    names = {(m["kind"], m["metadata"]["name"]) for m in manifests}
    assert ("ServiceAccount", predictor["serviceAccountName"]) in names
    assert {m["metadata"]["namespace"] for m in manifests} == {"kubeflow"}
    (source,) = container["envFrom"]
    configuration = (PROJECT / "infra/kubernetes/base/configuration.yaml").read_text()
    assert f"name: {source['configMapRef']['name']}\n" in configuration
    (secret,) = (v["secret"]["secretName"] for v in predictor["volumes"] if "secret" in v)
    readme = (PROJECT / "infra/README.md").read_text()
    assert f"kubectl create secret generic {secret} --namespace kubeflow" in readme
