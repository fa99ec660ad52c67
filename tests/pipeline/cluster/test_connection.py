"""How a server is found and checked: flags, environment, kube config, TLS."""

import json
import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cluster_cli import SECRET, call, one_line
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

pytestmark = pytest.mark.usefixtures("no_cluster", "compiled_once")


@pytest.fixture
def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "schlüssel"])
def test_invalid_token_is_not_printed(kfp_server: Any, token: str) -> None:
    line = one_line(call(kfp_server.url, "--existing-token", token))
    assert line == "The token must be one word of ASCII characters"
    assert kfp_server.requests == []


def test_missing_certificate_is_named(kfp_server: Any) -> None:
    line = one_line(call(kfp_server.url, "--ca-cert", "no/such.pem"))
    assert line == "ca_cert must be a file. Received: 'no/such.pem'"


@pytest.mark.parametrize("content", ["{", "{}"])
def test_invalid_kfp_context_is_named(kfp_server: Any, tmp_path: Path, content: str) -> None:
    (tmp_path / "context.json").write_text(content)
    line = one_line(call(kfp_server.url))
    assert line.startswith(f"{tmp_path / 'context.json'} is not a valid kfp context file.")


def test_password_in_the_address_is_not_printed(free_port: int) -> None:
    line = one_line(call(f"http://me:{SECRET}@127.0.0.1:{free_port}"))
    assert f"No server is running at http://127.0.0.1:{free_port}." in line


def test_host_namespace_and_token_are_taken_from_flags(kfp_server: Any) -> None:
    result = call(kfp_server.url, "--namespace", "team-a", "--existing-token", SECRET)
    assert result.exit_code == 0
    assert SECRET not in result.output
    assert {r.headers["authorization"] for r in kfp_server.requests} == {f"Bearer {SECRET}"}
    (created,) = kfp_server.sent("POST", "/experiments")
    assert created.body["namespace"] == "team-a"
    assert call(kfp_server.url, "--namespace", "team-a", command="schedules").exit_code == 0
    assert kfp_server.requests[-1].query["namespace"] == "team-a"


def test_host_and_token_are_taken_from_the_environment(kfp_server: Any) -> None:
    environment = {"KF_PIPELINES_ENDPOINT": kfp_server.url, "KF_PIPELINES_TOKEN": f"{SECRET}\n"}
    result = call(None, **environment)
    assert result.exit_code == 0
    assert {r.headers["authorization"] for r in kfp_server.requests} == {f"Bearer {SECRET}"}
    assert f"Page  {kfp_server.url}/#/runs/details/" in result.stdout


def test_host_and_token_are_taken_from_the_kube_config(kfp_server: Any, tmp_path: Path) -> None:
    kfp_server.prefix = "/api/v1/namespaces/kubeflow/services/ml-pipeline:http/proxy/"
    config = {
        "clusters": [{"name": "c", "cluster": {"server": kfp_server.url}}],
        "users": [{"name": "u", "user": {"token": SECRET}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(json.dumps(config))
    result = call(None)
    assert result.exit_code == 0, result.output
    assert {r.headers["authorization"] for r in kfp_server.requests} == {f"Bearer {SECRET}"}
    (run_id,) = kfp_server.runs
    assert result.stdout.splitlines()[1] == (
        f"Page  http://localhost:8080/#/runs/details/{run_id} (after: kubectl port-forward -n "
        "kubeflow svc/ml-pipeline-ui 8080:80)"
    )
    kfp_server.refuse("GET", "/healthz", 401, f"{SECRET} is not known")
    assert "… is not known" in one_line(call(None))


def test_page_uses_the_address_of_the_user_interface(kfp_server: Any) -> None:
    result = call(kfp_server.url, KF_PIPELINES_UI_ENDPOINT="https://kubeflow.example/pipeline/")
    assert "Page  https://kubeflow.example/pipeline/#/runs/details/" in result.stdout


@pytest.mark.parametrize("host", ["http://", "http://a b", "http://localhost:99999"])
def test_invalid_address_gives_an_example(host: str) -> None:
    line = one_line(call(host))
    assert line.startswith("host must be an address such as http://localhost:8080. Received:")


def test_missing_address_lists_the_ways_to_give_one() -> None:
    line = one_line(call(None))
    for source in ("--host", "KF_PIPELINES_ENDPOINT", "kubectl config view"):
        assert source in line


def test_server_without_tls_suggests_http(kfp_server: Any) -> None:
    # Without a scheme, kfp assumes https.
    line = one_line(call(kfp_server.url.removeprefix("http://")))
    assert line.startswith("Can't open a secure connection to https://127.0.0.1:")
    assert "Use http:// if the server has no TLS" in line


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kfp")])
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    formats = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem = tmp_path / "kfp.pem"
    pem.write_bytes(signed.public_bytes(Encoding.PEM) + key.private_bytes(*formats))
    return pem


def test_server_with_a_private_certificate_needs_ca_cert(
    kfp_server: Any, certificate: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    kfp_server.http.socket = context.wrap_socket(kfp_server.http.socket, server_side=True)
    host = kfp_server.url.replace("http://", "https://")
    line = one_line(call(host))
    assert line.startswith(f"Can't open a secure connection to {host}.")
    assert line.endswith("give its CA certificate with --ca-cert")
    assert kfp_server.requests == []
    assert call(host, "--ca-cert", str(certificate)).exit_code == 0
    assert len(kfp_server.runs) == 1
