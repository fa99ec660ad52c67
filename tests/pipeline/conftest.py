"""A small loopback server with the parts of Kubeflow Pipelines' API v2beta1 that we use."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kfp
import pytest

from pipeline.package import compile_package

# Accepted Python types of each parameter type, and its name in error messages.
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "STRING": ((str,), "string"),
    "NUMBER_INTEGER": ((int, float), "double or integer"),
    "NUMBER_DOUBLE": ((int, float), "double or integer"),
    "BOOLEAN": ((bool,), "bool"),
    "LIST": ((list,), "list"),
    "STRUCT": ((dict,), "struct"),
}


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class RejectedError(Exception):
    """A response with a status other than 200."""


@dataclass
class Answer:
    """A response that replaces the normal one, after `after` matching requests."""

    method: str
    path: str
    status: int
    body: bytes
    kind: str = "application/json"
    location: str | None = None
    after: int = 0
    times: int = 10**6


@dataclass
class KfpServer:
    """Stores requests in order, and experiments, runs and recurring runs by id."""

    requests: list[Request] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    experiments: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    recurring_runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Changes a run each time that it is requested.
    course: list[dict[str, Any]] = field(default_factory=list)
    #: Called with each request before the response.
    on_request: Callable[[Request], None] | None = None
    tag: str = "2.17.0"
    health: Any = field(default_factory=dict)
    prefix: str = ""
    url: str = ""
    http: Any = None

    def sent(self, method: str, path: str) -> list[Request]:
        return [r for r in self.requests if r.method == method and r.path.endswith(path)]

    def refuse(self, method: str, path: str, status: int, message: str = "", **more: Any) -> None:
        body = json.dumps({"code": 7, "message": message, "details": []}).encode()
        self.answers.append(Answer(method, path, status, body, **more))

    def add(self, kind: str, thing: dict[str, Any], **more: Any) -> dict[str, Any]:
        kept: dict[str, dict[str, Any]] = getattr(self, f"{kind}s")
        number = sum(request.method == "POST" for request in self.requests) + len(kept)
        made = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=number)
        thing = {**thing, f"{kind}_id": f"{kind}-{number}", "created_at": made.isoformat(), **more}
        kept[thing[f"{kind}_id"]] = thing
        return thing

    def handle(self, request: Request) -> Any:
        if not request.path.startswith(self.prefix):
            raise RejectedError(404, f"nothing at {request.path}")
        parts = request.path.removeprefix(self.prefix).strip("/").split("/")
        match (request.method, *parts[:2], *parts[2:]):
            case ("GET", "apis", "v2beta1", "healthz"):
                facts = {"commit_sha": "x", "tag_name": self.tag, "multi_user": False}
                return facts if self.health == {} else self.health
            case ("POST", "apis", "v2beta1", "experiments"):
                return self.add("experiment", request.body)
            case ("POST", "apis", "v2beta1", "runs"):
                _check_parameters(request.body)
                return self.add("run", request.body, state="PENDING", storage_state="AVAILABLE")
            case ("POST", "apis", "v2beta1", "recurringruns"):
                _check_parameters(request.body)
                _check_recurring(request.body)
                status = f"{request.body['mode']}D"
                return self.add("recurring_run", request.body, status=status)
            case ("POST", "apis", "v2beta1", "recurringruns", named):
                schedule_id, _, verb = named.partition(":")
                self.recurring_runs[schedule_id]["status"] = f"{verb.upper()}D"
                return {}
            case ("DELETE", "apis", "v2beta1", "recurringruns", schedule_id):
                if not self.recurring_runs.pop(schedule_id, None):
                    raise RejectedError(404, "no such recurring run")
                return {}
            case ("GET", "apis", "v2beta1", "runs", run_id):
                if self.course:
                    self.runs[run_id] |= self.course.pop(0)
                return self.runs[run_id]
            case ("GET", "apis", "v2beta1", ("experiments" | "runs" | "recurringruns") as kind):
                return self._listed(kind, request)
        raise RejectedError(404, f"nothing at {request.path}")

    def _listed(self, kind: str, request: Request) -> dict[str, Any]:
        # Names of the attribute and of the key in the response, by the name in the address.
        attribute, key = {"recurringruns": ("recurring_runs", "recurringRuns")}.get(
            kind, (kind, kind)
        )
        found = list(getattr(self, attribute).values())
        rules = json.loads(request.query.get("filter") or "{}").get("predicates", [])
        for rule in rules:
            assert rule["operation"] == 1
            found = [thing for thing in found if _is(thing, rule["key"], rule["stringValue"])]
        if "experiment_id" in request.query:
            found = [t for t in found if t["experiment_id"] == request.query["experiment_id"]]
        if request.query.get("sort_by") == "created_at desc":
            found.sort(key=lambda thing: thing["created_at"], reverse=True)
        start, size = int(request.query.get("page_token") or 0), 2  # pages are small here
        more = {"next_page_token": str(start + size)} if len(found) > start + size else {}
        return {key: found[start : start + size], "total_size": len(found), **more}


def _is(thing: dict[str, Any], key: str, value: str) -> bool:
    # The server's database ignores case.
    return str(thing.get(key, "")).lower() == value.lower()


def _check_parameters(body: dict[str, Any]) -> None:
    # As validatePipelineJobInputs in backend/src/apiserver/template/v2_template.go of
    # kubeflow/pipelines 2.17 does. A number of either type may be any number.
    spec = body["pipeline_spec"].get("pipeline_spec", body["pipeline_spec"])
    known = spec["root"]["inputDefinitions"]["parameters"]
    for name, value in body["runtime_config"]["parameters"].items():
        if name not in known:
            raise RejectedError(400, f"parameter {name} is not defined")
        kind = known[name]["parameterType"]
        taken, word = _TYPES[kind]
        # In Python, a bool is also a number.
        if isinstance(value, bool) != (kind == "BOOLEAN") or not isinstance(value, taken):
            raise RejectedError(400, f"input parameter {name} requires type {word}")


def _check_recurring(body: dict[str, Any]) -> None:
    if len(body["trigger"]["cron_schedule"]["cron"].split()) != 6:
        raise RejectedError(400, "cron must have six fields")
    if not 1 <= int(body["max_concurrency"]) <= 10:
        raise RejectedError(400, "max concurrency must be 1 to 10")


class _Handler(BaseHTTPRequestHandler):
    kfp_server: KfpServer
    protocol_version = "HTTP/1.1"

    def _handle(self) -> None:
        url = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        request = Request(
            method=self.command,
            path=url.path,
            query={key: values[0] for key, values in parse_qs(url.query).items()},
            headers={key.lower(): value for key, value in self.headers.items()},
            body=json.loads(raw) if raw else None,
        )
        self.kfp_server.requests.append(request)
        if self.kfp_server.on_request:
            self.kfp_server.on_request(request)
        for answer in self.kfp_server.answers:
            if answer.method == request.method and answer.path in request.path and answer.times:
                if answer.after:
                    answer.after -= 1
                    continue
                answer.times -= 1
                self._respond(answer.status, answer.body, answer.kind, answer.location)
                return
        try:
            response, status = self.kfp_server.handle(request), 200
        except RejectedError as error:
            status, message = error.args
            response = {"code": 3, "message": message, "details": []}
        self._respond(status, json.dumps(response).encode(), "application/json", None)

    def _respond(self, status: int, body: bytes, kind: str, location: str | None) -> None:
        if status < 0:  # close the connection
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _handle  # noqa: N815 # http.server's names

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def kfp_server() -> Iterator[KfpServer]:
    state = KfpServer()
    handler = type("Handler", (_Handler,), {"kfp_server": state})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        state.http, state.url = server, f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield state
        server.shutdown()


@pytest.fixture
def no_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Hides this machine's own cluster configuration."""
    for name in ("ENDPOINT", "UI_ENDPOINT", "TOKEN", "IAP_OAUTH2_CLIENT_ID"):
        monkeypatch.delenv(f"KF_PIPELINES_{name}", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(kfp.Client, "_LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("build") / "captionflow.yaml"
    compile_package(target)
    return target


@pytest.fixture
def compiled_once(monkeypatch: pytest.MonkeyPatch, package: Path) -> Path:
    """Copies the package instead of compiling it again, which saves time."""
    monkeypatch.setattr(
        "pipeline.package.compile_package", lambda target: shutil.copyfile(package, target)
    )
    return package
