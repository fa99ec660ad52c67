"""The rendered manifests: Kubernetes' schemas, and our own rules."""

import copy
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml

from components.runtime.image import IMAGE
from pipeline.kubernetes import VOLUMES
from pipeline.package import compile_package

PROJECT = Path(__file__).parents[3]
# The libraries that MLflow's server needs for each kind of store.
STORE_LIBRARIES = {"s3": "boto3", "gs": "google-cloud-storage"}


@pytest.mark.parametrize("version", ["1.31", kubernetes_validate.latest_version()])
def test_manifests_follow_schema(overlay: Any, version: str) -> None:
    for manifest in overlay.manifests:
        kubernetes_validate.validate(manifest, version, strict=True)
    kinds = {manifest["kind"] for manifest in overlay.manifests}
    assert kinds >= {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "Job"}
    assert kinds >= {"PersistentVolumeClaim", "ServiceAccount", "ConfigMap"}


def test_schema_refuses_misspelt_field(render: Any) -> None:
    manifest = copy.deepcopy(render("local").named("Service", "mlflow"))
    manifest["spec"]["selektor"] = manifest["spec"].pop("selector")
    with pytest.raises(kubernetes_validate.ValidationError, match="selektor"):
        kubernetes_validate.validate(manifest, "1.31", strict=True)


def test_manifests_lie_in_one_namespace(overlay: Any) -> None:
    assert {m["metadata"].get("namespace") for m in overlay.manifests} == {"kubeflow"}


def test_manifests_have_standard_labels(overlay: Any) -> None:
    for manifest in overlay.manifests:
        labels = manifest["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "captionflow"
        assert labels["app.kubernetes.io/name"]


def test_pods_have_no_rights_to_spare(overlay: Any) -> None:
    for pod in overlay.pods:
        assert pod["spec"]["automountServiceAccountToken"] is False
        rights = pod["spec"]["securityContext"]
        assert rights["runAsNonRoot"] is True
        assert min(rights["runAsUser"], rights["runAsGroup"], rights["fsGroup"]) > 0
        assert rights["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in overlay.containers:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_pods_of_image_run_as_its_user(overlay: Any) -> None:
    dockerfile = (PROJECT / "infra/docker/Dockerfile").read_text()
    (user,) = set(re.findall(r"^USER (\d+):\1$", dockerfile, re.MULTILINE))
    for pod in overlay.pods:
        if any(IMAGE in container["image"] for container in pod["spec"]["containers"]):
            rights = pod["spec"]["securityContext"]
            assert {rights["runAsUser"], rights["runAsGroup"], rights["fsGroup"]} == {int(user)}


def test_containers_have_requests_and_limits(overlay: Any) -> None:
    for container in overlay.containers:
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert container["resources"]["limits"].keys() == {"cpu", "memory"}


def test_servers_have_probes(overlay: Any, ports_of: Any) -> None:
    for pod in overlay.servers:
        for container in pod["spec"]["containers"]:
            for name in ("startupProbe", "readinessProbe", "livenessProbe"):
                probe = container[name]
                assert "exec" in probe or probe["httpGet"]["port"] in ports_of(pod)


def test_images_are_the_steps_own(render: Any) -> None:
    # infra/README.md replaces the placeholder of the registry.
    assert {c["image"] for c in render("gke").containers} == {f"REGISTRY/{IMAGE}"}
    images = {c["image"] for c in render("local").containers}
    (database,) = images - {IMAGE}
    assert re.fullmatch(r"postgres:\d+\.\d+-[a-z]+", database)  # a version, not `latest`


def test_references_lead_somewhere(overlay: Any, created_elsewhere: Any) -> None:
    referred = {(kind, name) for kind, name, _ in overlay.references()}
    assert referred - overlay.names <= created_elsewhere["readme"] | created_elsewhere["kfp"]
    assert ("Secret", "mlflow-server") in referred


def test_steps_refer_to_what_is_there(overlay: Any, created_elsewhere: Any, tmp_path: Path) -> None:
    compile_package(tmp_path / "captionflow.yaml")
    *_, platform = yaml.safe_load_all((tmp_path / "captionflow.yaml").read_text())
    (kubernetes,) = platform["platforms"].values()
    referred = set()
    for executor in kubernetes["deploymentSpec"]["executors"].values():
        referred |= {("Secret", s["secretName"]) for s in executor["secretAsVolume"]}
        referred |= {("ConfigMap", c["configMapName"]) for c in executor["configMapAsEnv"]}
        referred |= {("PersistentVolumeClaim", c["constant"]) for c in executor.get("pvcMount", [])}
    assert {("PersistentVolumeClaim", claim) for claim, _ in VOLUMES.values()} <= referred
    assert referred <= overlay.names | created_elsewhere["readme"]


def test_setup_tries_every_volume_of_the_steps(overlay: Any) -> None:
    # It also assigns the volumes to the steps' group, which KFP's own pods can't.
    pod = overlay.named("Job", "captionflow-setup")["spec"]["template"]["spec"]
    claims = {
        volume["name"]: volume["persistentVolumeClaim"]["claimName"]
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    (writer,) = pod["initContainers"]
    (doctor,) = pod["containers"]
    mounted = {
        (claims[mount["name"]], mount["mountPath"])
        for mount in writer["volumeMounts"]
        if mount["name"] in claims
    }
    assert mounted == set(VOLUMES.values())
    for _, folder in VOLUMES.values():
        assert f'"{folder}"' in writer["args"][0]
        assert f"--store={folder}" in doctor["args"]
    # `--quick` would not write to the artifact store.
    assert "--quick" not in doctor["args"]


def test_no_secret_is_written_down(overlay: Any) -> None:
    assert not overlay.of_kind("Secret")
    assert not re.search(r"://[^/\s]+:[^/\s]+@", overlay.text)
    for container in overlay.containers:
        for entry in container.get("env", []):
            hidden = re.search(r"PASSWORD|SECRET|KEY|TOKEN|BACKEND_STORE_URI", entry["name"])
            if hidden and not entry["name"].endswith("_FILE"):
                assert "secretKeyRef" in entry["valueFrom"], entry["name"]


def test_server_asks_for_log_in(overlay: Any) -> None:
    container = overlay.container("Deployment", "mlflow")
    assert container["command"] == ["mlflow", "server"]
    assert "--app-name=basic-auth" in container["args"]
    (config,) = (e["value"] for e in container["env"] if e["name"] == "MLFLOW_AUTH_CONFIG_PATH")
    assert str(Path(config).parent) in {m["mountPath"] for m in container["volumeMounts"]}


def test_server_serves_artifacts_of_object_store(overlay: Any) -> None:
    container = overlay.container("Deployment", "mlflow")
    assert "--serve-artifacts" in container["args"]
    environment = {entry["name"]: entry.get("value") for entry in container["env"]}
    library = STORE_LIBRARIES[urlsplit(environment["MLFLOW_ARTIFACTS_DESTINATION"]).scheme]
    pinned = (PROJECT / "infra/requirements/server.txt").read_text()
    assert re.search(rf"^{library}==", pinned, re.MULTILINE), f"server.txt must pin {library}"
