"""Every way a server can fail a user, through kfp's real client: one line that says what to do."""

import logging
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import kfp
import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipeline.kubeflow import app

SECRET = "s3cr3t-t0k3n"  # noqa: S105 # of a server in a test
Call = Callable[..., Result]

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
    monkeypatch.setattr("pipeline.cluster.connection._TIME_LIMITS", (0.1, 0.1))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("command", ["submit", "schedules", "unschedule"])
def test_refused_connection_says_how_to_get_there_at_once(free_port: int, command: str) -> None:
    began = time.monotonic()
    told = _one_line(_call(f"http://127.0.0.1:{free_port}", command=command))
    assert time.monotonic() - began < 30
    assert told == (
        f"Nothing listens at http://127.0.0.1:{free_port}: start the server or the way to it, such "
        "as kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80, or correct --host or "
        "KF_PIPELINES_ENDPOINT"
    )


def test_name_of_no_machine_says_to_correct_it() -> None:
    told = _one_line(_call("http://kubeflow.invalid:8080"))
    assert told.startswith("No machine of this name is found: http://kubeflow.invalid:8080.")
    assert "Correct --host or KF_PIPELINES_ENDPOINT" in told


def test_silent_server_is_not_waited_for(silent: str) -> None:
    told = _one_line(_call(silent))
    assert told.startswith(
        f"KFP at {silent} does not answer in time: see whether a firewall or VPN"
    )


def test_submit_waits_longer_for_a_run_to_be_made_than_for_other_answers(
    kfp_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As long as KFP's MLflow plugin may keep the server from answering.
    monkeypatch.setattr("pipeline.cluster.connection._TIME_LIMITS", (0.5, 0.5))

    def slow(request: Any) -> None:
        if request.method == "POST" and request.path.endswith("/runs"):
            time.sleep(1)

    kfp_server.on_request = slow
    assert _call(kfp_server.url).exit_code == 0
    assert len(kfp_server.runs) == 1


def test_connection_that_breaks_off_says_to_try_again(kfp_server: Any) -> None:
    kfp_server.refuse("POST", "/runs", -1)
    told = _one_line(_call(kfp_server.url))
    assert told.startswith(f"The connection to KFP at {kfp_server.url} broke off: try again.")
    assert len(kfp_server.sent("POST", "/runs")) == 1


@pytest.mark.parametrize("after", [0, 1])
def test_page_to_log_in_is_told_from_the_api(kfp_server: Any, after: int) -> None:
    _page(kfp_server, after=after)
    told = _one_line(_call(kfp_server.url))
    assert told.startswith(f"{kfp_server.url} does not answer as KFP's API does")
    assert "Set KF_PIPELINES_TOKEN, or go past that page: kubectl port-forward" in told


def test_token_does_not_follow_to_another_servers_page(kfp_server: Any, free_port: int) -> None:
    seen = []
    kfp_server.on_request = lambda request: seen.append(request.headers.get("authorization"))
    elsewhere = kfp_server.url.replace("127.0.0.1", "localhost")
    kfp_server.refuse("GET", "/healthz", 302, location=f"{elsewhere}/login")
    kfp_server.answers.append(
        type(kfp_server.answers[0])("GET", "/login", 200, b"<html>", "text/html")
    )
    told = _one_line(_call(kfp_server.url, "--existing-token", SECRET))
    assert "does not answer as KFP's API does" in told
    assert seen == [f"Bearer {SECRET}", None]


def test_expired_token_says_to_set_a_new_one_and_does_not_repeat_it(kfp_server: Any) -> None:
    kfp_server.refuse("GET", "/healthz", 401, f"token {SECRET} expired")
    told = _one_line(_call(kfp_server.url, KF_PIPELINES_TOKEN=SECRET))
    assert told == (
        f"KFP at {kfp_server.url} wants a valid token (401): this one is missing, wrong or expired."
        " Set KF_PIPELINES_TOKEN to a new one, or log in to the cluster again. It says: token … "
        "expired"
    )
    assert len(kfp_server.requests) == 1


def test_token_that_expires_while_waiting_ends_the_wait(kfp_server: Any) -> None:
    kfp_server.refuse("GET", "/runs/", 401)
    result = _call(kfp_server.url, "--wait", "--pause", "0.05")
    assert result.exit_code == 1
    assert "wants a valid token (401)" in result.stderr


@pytest.mark.parametrize("path", ["/healthz", "/experiments", "/runs"])
def test_missing_permission_says_whom_to_ask(kfp_server: Any, path: str) -> None:
    message = "User 'a@b.c' is not authorized\nwith reason: (request: …)"
    kfp_server.refuse("GET", path, 403, message)
    kfp_server.refuse("POST", path, 403, message)
    assert _one_line(_call(kfp_server.url)) == (
        f"KFP at {kfp_server.url} does not allow this (403): ask for the role kubeflow-edit in the "
        "namespace, or name another with --namespace. It says: User 'a@b.c' is not authorized with "
        "reason: (request: …)"
    )


def test_server_without_this_api_says_what_it_may_be(kfp_server: Any) -> None:
    kfp_server.refuse("GET", "/apis/v2beta1/", 404, "Not Found")
    assert _one_line(_call(kfp_server.url)) == (
        f"{kfp_server.url} has no KFP API v2beta1 (404): correct --host or KF_PIPELINES_ENDPOINT, "
        "or, if this is KFP 1, update the server to KFP 2. It says: Not Found"
    )


@pytest.mark.parametrize("tag", ["1.8.22", "3.0.0"])
def test_server_of_another_version_is_refused(kfp_server: Any, tag: str) -> None:
    kfp_server.tag = tag
    told = _one_line(_call(kfp_server.url))
    assert told.startswith(f"KFP at {kfp_server.url} is version {tag}, and packages made here are")
    assert kfp.__version__ in told
    assert len(kfp_server.requests) == 1


@pytest.mark.parametrize("answer", [[], None, 5])
def test_answer_that_is_json_but_not_kfps_is_told_from_the_api(
    kfp_server: Any, answer: object
) -> None:
    kfp_server.health = answer
    told = _one_line(_call(kfp_server.url))
    assert told.startswith(f"{kfp_server.url} does not answer as KFP's API does")


def test_older_server_is_warned_of(kfp_server: Any, caplog: pytest.LogCaptureFixture) -> None:
    kfp_server.tag = "2.5.0"
    with caplog.at_level(logging.WARNING):
        assert _call(kfp_server.url).exit_code == 0
    (record,) = [
        record for record in caplog.records if record.name == "pipeline.cluster.connection"
    ]
    assert "is 2.5.0, older than kfp" in record.getMessage()


@pytest.mark.parametrize("tag", ["2.17.0", "2.18.1", "unknown", ""])
def test_fitting_or_unnamed_version_is_not_spoken_of(
    kfp_server: Any, caplog: pytest.LogCaptureFixture, tag: str
) -> None:
    kfp_server.tag = tag
    assert _call(kfp_server.url).exit_code == 0
    assert not [record for record in caplog.records if record.name == "pipeline.cluster.connection"]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_that_is_not_ready_says_to_try_later(kfp_server: Any, status: int) -> None:
    kfp_server.refuse("POST", "/runs", status)
    told = _one_line(_call(kfp_server.url))
    assert told.startswith(
        f"KFP at {kfp_server.url} is not ready ({status}): try again in a minute"
    )


def test_answer_of_a_proxy_in_words_is_not_passed_on(kfp_server: Any) -> None:
    kfp_server.refuse("GET", "/healthz", 503, kind="text/html")
    kfp_server.answers[-1].body = b"<html>upstream \xff connect error</html>"
    told = _one_line(_call(kfp_server.url))
    assert told.startswith(f"KFP at {kfp_server.url} is not ready (503)")
    assert "upstream" not in told


def test_refused_request_passes_on_why(kfp_server: Any) -> None:
    kfp_server.refuse("POST", "/runs", 400, "input parameter gpus requires type string")
    assert _one_line(_call(kfp_server.url)) == (
        f"KFP at {kfp_server.url} refuses this (400). It says: input parameter gpus requires type "
        "string"
    )
