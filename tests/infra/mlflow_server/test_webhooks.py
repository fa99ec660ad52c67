"""Webhooks of the manifests' server: who may create them, where they go, and what arrives."""

import base64
import dataclasses
import hmac
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from cryptography.fernet import Fernet
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from components.registry.promotion import promote
from components.registry.runs import start_run

INFRA = Path(__file__).parents[3] / "infra"
EVENT = "model_version_alias.created"
# MLflow requires https and a public address; a receiver on this machine has neither.
LOOPBACK = {"MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http", "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true"}


@pytest.fixture
def as_admin(server: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Creates a webhook with the admin's account."""

    def create(url: str) -> Any:
        with monkeypatch.context() as patch:
            patch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
            patch.setenv("MLFLOW_TRACKING_PASSWORD", server.passwords["admin-password"])
            return MlflowClient().create_webhook("told", url, [EVENT])

    return create


@pytest.fixture
def received() -> Iterator[tuple[str, Any]]:
    """The address of a receiver, and a queue of the headers and bodies that it gets."""
    deliveries: Any = queue.Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            deliveries.put((dict(self.headers), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    listener = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listener.server_port}/champion", deliveries
    listener.shutdown()
    listener.server_close()


@pytest.fixture
def delivering_server(server: Any, tmp_path: Path) -> Iterator[Any]:
    """A second server over the same database, which may deliver to this machine."""
    port = server.uri.rpartition(":")[2]
    free = _free_port()
    # For the few requests here, one process is enough.
    other = {f"--port={port}": f"--port={free}", "--workers=2": "--workers=1"}
    assert set(other) < set(server.command)
    for name in ("work", "tmp"):
        (tmp_path / name).mkdir()
    second = dataclasses.replace(
        server,
        command=[other.get(part, part) for part in server.command],
        environment=server.environment | LOOPBACK,
        folder=tmp_path,
        uri=f"http://127.0.0.1:{free}",
        process=None,
    )
    try:
        second.start()
        yield second
    finally:
        second.kill()


def _create_as_the_page_says(server: Any, url: str) -> str:
    """Runs the page's commands, and returns the secret that they made."""
    if shutil.which("openssl") is None:
        pytest.skip("the commands make the secret with openssl")
    blocks = re.findall(r"^```bash\n(.*?)^```", (INFRA / "README.md").read_text(), re.M | re.S)
    (script,) = (block for block in blocks if "create_webhook" in block)
    subprocess.run(
        ["bash", "-euc", script.replace("http://localhost:5000", server.uri)],  # noqa: S607 # wherever bash is
        check=True,
        env={
            "HOME": str(server.credentials.parents[1]), "WEBHOOK_URL": url,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
    )  # fmt: skip
    return (server.credentials.parent / "webhook-signing-secret").read_text()


def _free_port() -> int:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as listener:
        return listener.server_port


def _is_signed() -> Any:
    (code,) = re.findall(
        r"```python\n(def is_signed.+?)```", (INFRA / "README.md").read_text(), re.S
    )
    namespace: dict[str, Any] = {"base64": base64, "hmac": hmac}
    exec(code, namespace)  # noqa: S102 # the page's own example
    return namespace["is_signed"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.com/champion", "scheme"),
        ("https://127.0.0.1/champion", "public"),
        ("https://10.0.0.1/champion", "public"),
    ],
)
def test_webhook_must_be_https_at_a_public_address(as_admin: Any, url: str, reason: str) -> None:
    with pytest.raises(MlflowException, match=reason):
        as_admin(url)


def test_account_of_the_runs_may_not_create_webhooks() -> None:
    with pytest.raises(MlflowException, match="Permission denied"):
        MlflowClient().create_webhook("told", "https://example.com/champion", [EVENT])


def test_promotion_calls_a_signed_webhook(
    delivering_server: Any, received: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, deliveries = received
    monkeypatch.setenv("MLFLOW_TRACKING_URI", delivering_server.uri)
    secret = _create_as_the_page_says(delivering_server, url)
    client = MlflowClient()
    client.create_registered_model("told-of")
    run_id = start_run("photos", "first", {})
    client.create_model_version("told-of", f"runs:/{run_id}/model", run_id)

    promote("told-of", "1", reason="it is better")

    headers, body = deliveries.get(timeout=60)
    event = json.loads(body)
    assert f"{event['entity']}.{event['action']}" == EVENT
    assert event["data"] == {"name": "told-of", "alias": "champion", "version": "1"}
    is_signed = _is_signed()
    assert is_signed(headers, body, secret)
    assert not is_signed(headers, body + b" ", secret)
    assert not is_signed(headers, body, "another secret")
    assert deliveries.empty()


def test_secret_of_a_webhook_is_stored_encrypted(server: Any) -> None:
    written = (server.credentials.parent / "webhook-signing-secret").read_text()
    ((stored,),) = server.database.rows("SELECT secret FROM webhooks")
    key = Fernet(server.passwords["webhook-secret-key"])
    assert key.decrypt(stored).decode() == written


def test_network_policy_of_webhooks_is_valid_and_for_mlflow() -> None:
    policy = yaml.safe_load((INFRA / "kubernetes/webhooks/network.yaml").read_text())
    kubernetes_validate.validate(policy, "1.31", strict=True)
    assert policy["spec"]["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "mlflow"}
