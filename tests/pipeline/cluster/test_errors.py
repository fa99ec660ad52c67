"""Every way a server can fail a user, through kfp's real client: one line that says what to do."""

import logging
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import kfp
import pytest
from click.testing import Result
from cluster_cli import SECRET, call, one_line

Call = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("no_cluster", "compiled_once")


def _page(server: Any, **more: Any) -> None:
    server.refuse("GET", "/", 200, kind="text/html; charset=utf-8", **more)
    server.answers[-1].body = b"<html><title>Log in</title></html>"


@pytest.fixture
def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr("pipeline.cluster.connection._TIMEOUTS", (0.1, 0.1))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("command", ["submit", "schedules", "unschedule"])
def test_refused_connection_names_the_port_forward_at_once(free_port: int, command: str) -> None:
    started = time.monotonic()
    line = one_line(call(f"http://127.0.0.1:{free_port}", command=command))
    assert time.monotonic() - started < 30
    assert line.startswith(f"No server is running at http://127.0.0.1:{free_port}.")
    assert "kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80" in line
    assert line.endswith("correct --host or KF_PIPELINES_ENDPOINT")


def test_unknown_machine_name_asks_for_a_correction() -> None:
    line = one_line(call("http://kubeflow.invalid:8080"))
    assert line.startswith("Can't find the machine of http://kubeflow.invalid:8080.")
    assert "Correct --host or KF_PIPELINES_ENDPOINT" in line


def test_silent_server_times_out(silent: str) -> None:
    line = one_line(call(silent))
    assert line.startswith(f"KFP at {silent} did not respond in time.")
    assert "firewall or VPN" in line


def test_submit_has_a_longer_timeout_to_create_a_run(
    kfp_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Shorter than the delay below, which stands for KFP's MLflow plugin.
    monkeypatch.setattr("pipeline.cluster.connection._TIMEOUTS", (0.5, 0.5))

    def slow(request: Any) -> None:
        if request.method == "POST" and request.path.endswith("/runs"):
            time.sleep(1)

    kfp_server.on_request = slow
    assert call(kfp_server.url).exit_code == 0
    assert len(kfp_server.runs) == 1


def test_lost_connection_asks_to_try_again(kfp_server: Any) -> None:
    kfp_server.refuse("POST", "/runs", -1)
    line = one_line(call(kfp_server.url))
    assert line.startswith(f"The connection to KFP at {kfp_server.url} was lost. Try again.")
    assert len(kfp_server.sent("POST", "/runs")) == 1


@pytest.mark.parametrize("after", [0, 1])
def test_login_page_is_recognised(kfp_server: Any, after: int) -> None:
    _page(kfp_server, after=after)
    line = one_line(call(kfp_server.url))
    assert line.startswith(f"{kfp_server.url} does not respond like KFP's API")
    assert "Set KF_PIPELINES_TOKEN, or bypass the login page: kubectl port-forward" in line


def test_token_is_not_sent_to_another_server_after_a_redirect(
    kfp_server: Any, free_port: int
) -> None:
    seen = []
    kfp_server.on_request = lambda request: seen.append(request.headers.get("authorization"))
    other_server = kfp_server.url.replace("127.0.0.1", "localhost")
    kfp_server.refuse("GET", "/healthz", 302, location=f"{other_server}/login")
    kfp_server.answers.append(
        type(kfp_server.answers[0])("GET", "/login", 200, b"<html>", "text/html")
    )
    line = one_line(call(kfp_server.url, "--existing-token", SECRET))
    assert "does not respond like KFP's API" in line
    assert seen == [f"Bearer {SECRET}", None]


def test_expired_token_asks_for_a_new_one_and_is_masked(kfp_server: Any) -> None:
    kfp_server.refuse("GET", "/healthz", 401, f"token {SECRET} expired")
    line = one_line(call(kfp_server.url, KF_PIPELINES_TOKEN=SECRET))
    assert line.startswith(f"KFP at {kfp_server.url} requires a valid token (401)")
    assert "Set KF_PIPELINES_TOKEN to a new token" in line
    assert line.endswith("token … expired")
    assert len(kfp_server.requests) == 1


def test_token_that_expires_while_waiting_ends_the_wait(kfp_server: Any) -> None:
    kfp_server.refuse("GET", "/runs/", 401)
    result = call(kfp_server.url, "--wait", "--pause", "0.05")
    assert result.exit_code == 1
    assert "requires a valid token (401)" in result.stderr


@pytest.mark.parametrize("path", ["/healthz", "/experiments", "/runs"])
def test_missing_permission_names_the_role(kfp_server: Any, path: str) -> None:
    message = "User 'a@b.c' is not authorized\nwith reason: (request: …)"
    kfp_server.refuse("GET", path, 403, message)
    kfp_server.refuse("POST", path, 403, message)
    line = one_line(call(kfp_server.url))
    assert line.startswith(f"KFP at {kfp_server.url} denies access (403)")
    assert "the role kubeflow-edit" in line and "--namespace" in line
    assert line.endswith("User 'a@b.c' is not authorized with reason: (request: …)")


def test_server_without_this_api_names_host_and_version(kfp_server: Any) -> None:
    kfp_server.refuse("GET", "/apis/v2beta1/", 404, "Not Found")
    line = one_line(call(kfp_server.url))
    assert line.startswith(f"{kfp_server.url} has no KFP API v2beta1 (404)")
    assert "--host or KF_PIPELINES_ENDPOINT" in line and "KFP 2" in line
    assert line.endswith("Not Found")


@pytest.mark.parametrize("tag", ["1.8.22", "3.0.0"])
def test_server_of_another_major_version_is_rejected(kfp_server: Any, tag: str) -> None:
    kfp_server.tag = tag
    line = one_line(call(kfp_server.url))
    assert line.startswith(f"KFP at {kfp_server.url} is version {tag}, but the installed kfp is")
    assert kfp.__version__ in line
    assert len(kfp_server.requests) == 1


@pytest.mark.parametrize("answer", [[], None, 5])
def test_json_that_is_not_kfps_is_recognised(kfp_server: Any, answer: object) -> None:
    kfp_server.health = answer
    line = one_line(call(kfp_server.url))
    assert line.startswith(f"{kfp_server.url} does not respond like KFP's API")


def test_older_server_causes_a_warning(kfp_server: Any, caplog: pytest.LogCaptureFixture) -> None:
    kfp_server.tag = "2.5.0"
    with caplog.at_level(logging.WARNING):
        assert call(kfp_server.url).exit_code == 0
    (record,) = [
        record for record in caplog.records if record.name == "pipeline.cluster.connection"
    ]
    assert "is version 2.5.0, older than kfp" in record.getMessage()


@pytest.mark.parametrize("tag", ["2.17.0", "2.18.1", "unknown", ""])
def test_compatible_or_unknown_version_causes_no_warning(
    kfp_server: Any, caplog: pytest.LogCaptureFixture, tag: str
) -> None:
    kfp_server.tag = tag
    assert call(kfp_server.url).exit_code == 0
    assert not [record for record in caplog.records if record.name == "pipeline.cluster.connection"]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_that_is_not_ready_asks_to_try_again(kfp_server: Any, status: int) -> None:
    kfp_server.refuse("POST", "/runs", status)
    line = one_line(call(kfp_server.url))
    assert line.startswith(f"KFP at {kfp_server.url} is not ready ({status}). Try again")


def test_html_of_a_proxy_is_not_quoted(kfp_server: Any) -> None:
    kfp_server.refuse("GET", "/healthz", 503, kind="text/html")
    kfp_server.answers[-1].body = b"<html>upstream \xff connect error</html>"
    line = one_line(call(kfp_server.url))
    assert line.startswith(f"KFP at {kfp_server.url} is not ready (503)")
    assert "upstream" not in line


def test_rejected_request_quotes_the_reason(kfp_server: Any) -> None:
    kfp_server.refuse("POST", "/runs", 400, "input parameter gpus requires type string")
    line = one_line(call(kfp_server.url))
    assert line.startswith(f"KFP at {kfp_server.url} rejected the request (400)")
    assert line.endswith("input parameter gpus requires type string")
