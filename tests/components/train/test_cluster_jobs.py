"""Kubernetes' own client, against a server of this test that answers as Kubernetes' API does."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from kubernetes import client

from components.errors import CaptionflowError, SettingError
from components.train.cluster_jobs import TrainJobs
from components.train.train_job import GROUP, VERSION

PATH = "/apis/trainer.kubeflow.org/v1alpha1/namespaces/kubeflow/trainjobs"
JOB = {"kind": "TrainJob", "metadata": {"generateName": "captionflow-train-"}, "spec": {}}
COMPLETE = {"type": "Complete", "status": "True", "message": "all workers have ended"}
FAILED = {"type": "Failed", "status": "True", "message": "worker 1 exited with 2"}
RUNNING = {"type": "Suspended", "status": "False", "message": "resumed"}


class Api(ThreadingHTTPServer):
    """Serves one job.

    Attributes:
        answers: What each look at the job gives: a status of HTTP, or the job's conditions. The
            last one is given from then on.
        calls: Method and path of each request.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[Any] = []
        self.refuses = 0
        self.calls: list[tuple[str, str]] = []
        self.created: Any = None


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.refuses:
            self._send(self.server.refuses, {"message": "trainjobs is forbidden"})
            return
        self.server.created = body
        body["metadata"]["name"] = body["metadata"]["generateName"] + "abcde"
        self._send(201, body)

    def do_GET(self) -> None:
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, int):
            self._send(answer, {"message": "not now"})
        else:
            self._send(200, {"status": {"conditions": answer} if answer else {}})

    def do_DELETE(self) -> None:
        self._send(200, {})

    def _send(self, status: int, body: Any) -> None:
        self.server.calls.append((self.command, self.path))
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 # the base class's name
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def jobs(api: Api) -> TrainJobs:
    configuration = client.Configuration(host=f"http://127.0.0.1:{api.server_port}")
    objects = client.CustomObjectsApi(client.ApiClient(configuration))
    return TrainJobs(objects, (GROUP, VERSION, "kubeflow"), seconds=0.01)


def test_run_creates_a_job_and_waits_until_it_is_complete(jobs: TrainJobs, api: Api) -> None:
    api.answers = [[], [RUNNING], [RUNNING, COMPLETE]]
    jobs.run(JOB)
    assert api.created["kind"] == "TrainJob"
    assert api.calls == [("POST", PATH)] + [("GET", f"{PATH}/captionflow-train-abcde")] * 3


def test_run_of_a_job_that_fails_gives_reason_and_logs(jobs: TrainJobs, api: Api) -> None:
    api.answers = [[RUNNING, FAILED]]
    with pytest.raises(CaptionflowError, match=r"worker 1 exited with 2.*captionflow-train-abcde"):
        jobs.run(JOB)
    # Its pods stay, for their logs.
    assert ("DELETE", f"{PATH}/captionflow-train-abcde") not in api.calls


def test_run_outlasts_a_server_that_answers_nothing_for_a_while(jobs: TrainJobs, api: Api) -> None:
    api.answers = [503, 500, 429, [COMPLETE]]
    jobs.run(JOB)


@pytest.mark.parametrize("status", [403, 404])
def test_run_ends_if_the_job_is_gone_or_can_not_be_read(
    jobs: TrainJobs, api: Api, status: int
) -> None:
    api.answers = [[RUNNING], status]
    with pytest.raises(CaptionflowError, match="captionflow-train-abcde can't be read: not now"):
        jobs.run(JOB)


def test_run_ends_if_the_server_stays_away(jobs: TrainJobs, api: Api) -> None:
    api.answers = [503]
    with pytest.raises(CaptionflowError, match="not now"):
        jobs.run(JOB)


@pytest.mark.parametrize("status", [403, 404, 422])
def test_run_without_trainer_or_rights_names_the_manifests(
    jobs: TrainJobs, api: Api, status: int
) -> None:
    api.refuses = status
    with pytest.raises(SettingError, match=r"infra/trainer.*trainjobs is forbidden"):
        jobs.run(JOB)


def test_run_that_is_interrupted_deletes_the_job(
    jobs: TrainJobs, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.answers = [[RUNNING]]

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("components.train.cluster_jobs.time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        jobs.run(JOB)
    assert api.calls[-1] == ("DELETE", f"{PATH}/captionflow-train-abcde")
