"""Why a step failed, as MLflow and Kubernetes know it: an MLflow store, and an API on loopback."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import kfp
import pytest
import yaml

from components.errors import DataError
from components.runtime.retry_policy import RUN_ID_VARIABLE, record_permanent_failure
from pipeline.cluster.connection import Address, connect
from pipeline.cluster.failure import log_command, why_step_failed

Pods = list[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("no_cluster")


@pytest.fixture
def client(kfp_server: Any, monkeypatch: pytest.MonkeyPatch) -> kfp.Client:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return connect(Address(host=kfp_server.url, namespace="photos"))


def _pod(node: str, *, made: str = "2026-11-01T10:00:00Z", **status: Any) -> dict[str, Any]:
    resources = {"limits": {"memory": "16Gi"}}
    return {
        "metadata": {
            "name": node.replace(".", "-"),
            "creationTimestamp": made,
            "annotations": {"workflows.argoproj.io/node-name": f"captionflow-x7d2k.root.{node}"},
        },
        "spec": {
            "containers": [{"name": "wait"}, {"name": "main", "resources": resources}],
        },
        "status": {"phase": "Failed", **status},
    }


def _ended(reason: str, code: int) -> dict[str, Any]:
    state = {"terminated": {"reason": reason, "exitCode": code}}
    common = {"image": "i", "imageID": "i", "ready": False, "restartCount": 0}
    return {"containerStatuses": [{"name": "main", "state": state, **common}]}


@pytest.fixture
def kubernetes(tmp_path: Path, no_cluster: None) -> Iterator[Callable[[Pods], list[Any]]]:
    """Puts up a Kubernetes API that has these pods of run-1, and a kube config that leads to it."""
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        pods: ClassVar[Pods] = []

        def do_GET(self) -> None:  # http.server's name
            url = urlsplit(self.path)
            asked.append((url.path, parse_qs(url.query)["labelSelector"]))
            body = json.dumps({"kind": "PodList", "apiVersion": "v1", "items": self.pods}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "clusters": [{"name": "here", "cluster": {"server": address}}],
            "users": [{"name": "here", "user": {}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}],
        }
        (tmp_path / ".kube").mkdir()
        (tmp_path / ".kube/config").write_text(yaml.safe_dump(config))
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

        def has(pods: Pods) -> list[Any]:
            Handler.pods = pods
            return asked

        yield has
        server.shutdown()


def test_why_step_failed_is_what_the_step_recorded_in_mlflow(
    client: kfp.Client, mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{mlflow_root}/mlflow.db")
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-1")
    record_permanent_failure("ingest", DataError("No photos lie in gs://photos/empty"))
    assert why_step_failed(client, "run-1", "ingest") == "No photos lie in gs://photos/empty"
    assert why_step_failed(client, "run-1", "train") == ""
    assert why_step_failed(client, "run-2", "ingest") == ""


def test_why_step_failed_out_of_memory_gives_the_limit(
    client: kfp.Client, kubernetes: Callable[[Pods], list[Any]]
) -> None:
    asked = kubernetes(
        [
            _pod("ingest.executor", **_ended("Completed", 0)),
            _pod("condition-1.train-driver", **_ended("Completed", 0)),
            _pod("condition-1.train(0).executor(0)", **_ended("OOMKilled", 137)),
        ]
    )
    message = why_step_failed(client, "run-1", "train")
    assert "out of memory" in message
    assert "16Gi" in message
    assert why_step_failed(client, "run-1", "ingest") == ""
    assert asked[0] == ("/api/v1/namespaces/photos/pods", ["pipeline/runid=run-1"])


def test_why_step_failed_reports_the_last_attempt(
    client: kfp.Client, kubernetes: Callable[[Pods], list[Any]]
) -> None:
    kubernetes(
        [
            _pod("train.executor(0)", **_ended("OOMKilled", 137)),
            _pod(
                "train.executor(1)",
                made="2026-11-01T11:00:00Z",
                message="The node was low on\nresource: memory.",
            ),
        ]
    )
    assert why_step_failed(client, "run-1", "train") == "The node was low on resource: memory."


def test_why_step_failed_with_unreachable_kubernetes_is_unknown(
    client: kfp.Client, tmp_path: Path, free_port: Callable[[], int], caplog: Any
) -> None:
    assert why_step_failed(client, "run-1", "train") == ""
    assert not caplog.records
    cluster = {"server": f"http://127.0.0.1:{free_port()}"}
    config = {
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "c", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    }
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube/config").write_text(yaml.safe_dump(config))
    assert why_step_failed(client, "run-1", "train") == ""
    assert "Can't look up in Kubernetes" in caplog.text


def test_log_command_names_namespace_and_run(client: kfp.Client) -> None:
    words = log_command(client, "run-1").split()
    assert words[:2] == ["kubectl", "logs"]
    assert words[words.index("--namespace") + 1] == "photos"
    assert words[words.index("--selector") + 1] == "pipeline/runid=run-1"
    assert words[words.index("--container") + 1] == "main"
