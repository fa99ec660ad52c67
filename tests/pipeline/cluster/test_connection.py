"""How a server is found and made sure of: flags, environment, kube config, TLS."""

import json
import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from pipeline.kubeflow import app

SECRET = "s3cr3t-t0k3n"  # noqa: S105 # of a server in a test

pytestmark = pytest.mark.usefixtures("no_cluster", "compiled_once")


def _call(host: str | None, *options: str, command: str = "submit", **env: str) -> Result:
    named = ["--host", host] if host is not None else []
    return CliRunner().invoke(app, [command, *named, *options], env=env)


def _one_line(result: Result) -> str:
    assert result.exit_code in (1, 2)
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("captionflow: ")
    assert SECRET not in line
    return str(line.removeprefix("captionflow: "))


@pytest.fixture
def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "schlüssel"])
def test_token_that_can_not_be_sent_is_not_repeated(kfp_server: Any, token: str) -> None:
    told = _one_line(_call(kfp_server.url, "--existing-token", token))
    assert told == "A token must be one word of ASCII characters; this one is not"
    assert kfp_server.requests == []


def test_certificate_that_is_not_there_is_named(kfp_server: Any) -> None:
    told = _one_line(_call(kfp_server.url, "--ca-cert", "no/such.pem"))
    assert told == "ca_cert must be a file. Received: 'no/such.pem'"


@pytest.mark.parametrize("content", ["{", "{}"])
def test_broken_context_of_kfp_is_named(kfp_server: Any, tmp_path: Path, content: str) -> None:
    (tmp_path / "context.json").write_text(content)
    told = _one_line(_call(kfp_server.url))
    assert told.startswith(f"{tmp_path / 'context.json'} must be as kfp writes it: mend or remove")


def test_address_with_a_password_is_shown_without_it(free_port: int) -> None:
    told = _one_line(_call(f"http://me:{SECRET}@127.0.0.1:{free_port}"))
    assert f"Nothing listens at http://127.0.0.1:{free_port}:" in told


def test_host_namespace_and_token_are_taken_from_flags(kfp_server: Any) -> None:
    result = _call(kfp_server.url, "--namespace", "team-a", "--existing-token", SECRET)
    assert result.exit_code == 0
    assert SECRET not in result.output
    assert {r.headers["authorization"] for r in kfp_server.requests} == {f"Bearer {SECRET}"}
    (made,) = kfp_server.sent("POST", "/experiments")
    assert made.body["namespace"] == "team-a"
    assert _call(kfp_server.url, "--namespace", "team-a", command="schedules").exit_code == 0
    assert kfp_server.requests[-1].query["namespace"] == "team-a"


def test_host_and_token_are_taken_from_the_environment(kfp_server: Any) -> None:
    environment = {"KF_PIPELINES_ENDPOINT": kfp_server.url, "KF_PIPELINES_TOKEN": f"{SECRET}\n"}
    result = _call(None, **environment)
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
    result = _call(None)
    assert result.exit_code == 0, result.output
    assert {r.headers["authorization"] for r in kfp_server.requests} == {f"Bearer {SECRET}"}
    (run_id,) = kfp_server.runs
    assert result.stdout.splitlines()[1] == (
        f"Page  http://localhost:8080/#/runs/details/{run_id} (after: kubectl port-forward -n "
        "kubeflow svc/ml-pipeline-ui 8080:80)"
    )
    kfp_server.refuse("GET", "/healthz", 401, f"{SECRET} is not known")
    assert "It says: … is not known" in _one_line(_call(None))


def test_page_is_of_the_user_interface_that_is_named(kfp_server: Any) -> None:
    result = _call(kfp_server.url, KF_PIPELINES_UI_ENDPOINT="https://kubeflow.example/pipeline/")
    assert "Page  https://kubeflow.example/pipeline/#/runs/details/" in result.stdout


@pytest.mark.parametrize("host", ["http://", "http://a b", "http://localhost:99999"])
def test_address_that_is_none_says_what_one_looks_like(host: str) -> None:
    told = _one_line(_call(host))
    assert told.startswith("host must be an address such as http://localhost:8080. Received:")


def test_no_address_at_all_says_where_one_may_be() -> None:
    assert _one_line(_call(None)) == (
        "No KFP server is named: give --host http://…, set KF_PIPELINES_ENDPOINT, or have a kube "
        "config that leads to the cluster (`kubectl config view`)"
    )


def test_plain_server_asked_for_tls_says_what_to_write(kfp_server: Any) -> None:
    # Without a scheme, kfp takes it for https.
    told = _one_line(_call(kfp_server.url.removeprefix("http://")))
    assert told.startswith("No secure connection to https://127.0.0.1:")
    assert "write http:// if the server has no TLS" in told


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kfp")])
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    formats = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem = tmp_path / "kfp.pem"
    pem.write_bytes(made.public_bytes(Encoding.PEM) + key.private_bytes(*formats))
    return pem


def test_server_with_a_certificate_of_its_own_needs_it_named(
    kfp_server: Any, certificate: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    kfp_server.http.socket = context.wrap_socket(kfp_server.http.socket, server_side=True)
    host = kfp_server.url.replace("http://", "https://")
    told = _one_line(_call(host))
    assert told.startswith(f"No secure connection to {host} can be made")
    assert told.endswith("name its authority's certificate with --ca-cert")
    assert kfp_server.requests == []
    assert _call(host, "--ca-cert", str(certificate)).exit_code == 0
    assert len(kfp_server.runs) == 1
