"""The overlays as `kubectl kustomize` renders them."""

import functools
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from manifests import Manifest, only, render_text

Labels = dict[str, str]


class Overlay:
    """The resources of an overlay."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = render_text(f"kubernetes/overlays/{name}")
        self.manifests: list[Manifest] = list(yaml.safe_load_all(self.text))

    def of_kind(self, *kinds: str) -> list[Manifest]:
        return [manifest for manifest in self.manifests if manifest["kind"] in kinds]

    def named(self, kind: str, name: str) -> Manifest:
        return only(self.manifests, kind, name)

    @property
    def names(self) -> set[tuple[str, str]]:
        """Kind and name of all resources."""
        return {(m["kind"], m["metadata"]["name"]) for m in self.manifests}

    @property
    def servers(self) -> list[Manifest]:
        """The templates of long-running pods."""
        return [m["spec"]["template"] for m in self.of_kind("Deployment", "StatefulSet")]

    @property
    def pods(self) -> list[Manifest]:
        """The templates of all pods."""
        return [*self.servers, *(m["spec"]["template"] for m in self.of_kind("Job"))]

    @property
    def containers(self) -> list[Manifest]:
        return [container for pod in self.pods for container in containers_of(pod)]

    def selected(self, labels: Labels) -> list[Manifest]:
        """The templates of the pods that have these labels."""
        return [pod for pod in self.pods if labels.items() <= pod["metadata"]["labels"].items()]

    def container(self, kind: str, name: str) -> Manifest:
        """The only container of a server."""
        (container,) = self.named(kind, name)["spec"]["template"]["spec"]["containers"]
        return dict(container)

    def references(self) -> Iterator[tuple[str, str, str]]:
        """Yields kind, name and key (`""`: all keys) of everything that pods refer to."""
        for pod in self.pods:
            yield "ServiceAccount", pod["spec"]["serviceAccountName"], ""
            for volume in pod["spec"].get("volumes", []):
                if "persistentVolumeClaim" in volume:
                    yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"], ""
                if "secret" in volume:
                    secret = volume["secret"]
                    for item in secret.get("items", [{"key": ""}]):
                        yield "Secret", secret["secretName"], item["key"]
        for container in self.containers:
            for source in container.get("envFrom", []):
                yield "ConfigMap", source["configMapRef"]["name"], ""
            for entry in container.get("env", []):
                if at := entry.get("valueFrom", {}).get("secretKeyRef"):
                    yield "Secret", at["name"], at["key"]


def containers_of(pod: Manifest) -> list[Manifest]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def _ports_of(pod: Manifest) -> dict[str, int]:
    return {
        port["name"]: port["containerPort"]
        for container in containers_of(pod)
        for port in container.get("ports", [])
    }


@pytest.fixture(scope="session")
def render() -> Any:
    """Returns the function that renders an overlay by its name, once."""
    return functools.cache(Overlay)


@pytest.fixture(scope="session", params=["local", "gke"])
def overlay(request: pytest.FixtureRequest, render: Any) -> Overlay:
    return render(request.param)


@pytest.fixture(scope="session")
def ports_of() -> Any:
    """Returns the function that gives the ports of a pod, by name."""
    return _ports_of


@pytest.fixture(scope="session")
def created_elsewhere() -> dict[str, set[tuple[str, str]]]:
    """Resources from elsewhere: from the commands of infra/README.md, and from KFP."""
    return {
        "readme": {("Secret", f"mlflow-{name}") for name in ("server", "credentials")}
        | {("Secret", "gcs-key"), ("Secret", "kfp-mlflow-credentials")},
        "kfp": {("Secret", "mlpipeline-minio-artifact")},
    }
