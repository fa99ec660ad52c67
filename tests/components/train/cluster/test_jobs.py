"""Kubernetes' own client, against a server of this test that answers as Kubernetes' API does."""

import threading
import time
from collections.abc import Iterator

import pytest
from kubernetes import client
from train_job_api import Api

from components.errors import CaptionflowError, SettingError
from components.train.cluster.jobs import TrainJobs
from components.train.cluster.train_job import GROUP, VERSION

PATH = "/apis/trainer.kubeflow.org/v1alpha1/namespaces/kubeflow/trainjobs"
NAME = "captionflow-train-abcde"
JOB = {
    "kind": "TrainJob",
    "metadata": {"name": NAME},
    "spec": {"trainer": {"args": ["--model=gs://b/model"]}},
}
CREATE, LOOK, DELETE = ("POST", PATH), ("GET", f"{PATH}/{NAME}"), ("DELETE", f"{PATH}/{NAME}")
COMPLETE = {"type": "Complete", "status": "True", "message": "all workers have ended"}
FAILED = {"type": "Failed", "status": "True", "message": "worker 1 exited with 2"}
RUNNING = {"type": "Suspended", "status": "False", "message": "resumed"}


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.closes.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def jobs(api: Api) -> TrainJobs:
    configuration = client.Configuration(host=f"http://127.0.0.1:{api.server_port}")
    objects = client.CustomObjectsApi(client.ApiClient(configuration))
    place = (GROUP, VERSION, "kubeflow")
    return TrainJobs(objects, place, seconds=0.01, patience=0.2, timeout=0.1)


def test_run_creates_a_job_and_waits_until_it_is_complete(jobs: TrainJobs, api: Api) -> None:
    api.answers = [[], [RUNNING], [RUNNING, COMPLETE]]
    jobs.run(JOB)
    assert api.job["kind"] == "TrainJob"
    assert api.calls == [CREATE] + [LOOK] * 3


def test_run_of_a_job_that_fails_gives_reason_and_logs(jobs: TrainJobs, api: Api) -> None:
    api.answers = [[RUNNING, FAILED]]
    with pytest.raises(CaptionflowError, match=r"worker 1 exited with 2.*captionflow-train-abcde"):
        jobs.run(JOB)
    # Its pods stay, for their logs.
    assert DELETE not in api.calls


def test_run_outlasts_a_server_that_answers_nothing_for_a_while(jobs: TrainJobs, api: Api) -> None:
    api.answers = [503, 500, 429, [COMPLETE]]
    jobs.run(JOB)


def test_run_of_a_job_that_someone_deletes_ends(jobs: TrainJobs, api: Api) -> None:
    api.answers = [[RUNNING], 404]
    with pytest.raises(CaptionflowError, match=f"{NAME}.*deleted"):
        jobs.run(JOB)
    assert DELETE not in api.calls


@pytest.mark.parametrize("status", [403, 503])
def test_run_of_a_job_that_can_not_be_read_deletes_it(
    jobs: TrainJobs, api: Api, status: int
) -> None:
    api.answers = [[RUNNING], status]
    with pytest.raises(CaptionflowError, match=f"{NAME} can't be read: not now") as error:
        jobs.run(JOB)
    assert "kubectl delete" not in str(error.value)
    assert (api.calls[-1], api.deleted) == (DELETE, True)


def test_run_of_a_job_that_can_not_be_deleted_either_says_so(jobs: TrainJobs, api: Api) -> None:
    api.answers = [[RUNNING], 403]
    api.statuses = {"DELETE": 403}
    with pytest.raises(CaptionflowError, match=f"not now.*kubectl delete trainjob {NAME}"):
        jobs.run(JOB)


def test_run_waits_for_a_server_that_stays_away_no_longer_than_its_patience(
    jobs: TrainJobs, api: Api
) -> None:
    api.answers = [[RUNNING]] * 50 + [503]
    begun = time.monotonic()
    with pytest.raises(CaptionflowError, match="not now"):
        jobs.run(JOB)
    # The 50 looks that were answered do not count.
    assert 0.2 <= time.monotonic() - begun < 10
    assert api.calls.count(LOOK) > 52


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_run_ends_if_the_server_never_answers(jobs: TrainJobs, api: Api, method: str) -> None:
    api.statuses = {method: 0}
    api.answers = [[RUNNING], 403]
    with pytest.raises(CaptionflowError, match=r"timed? ?out|not now"):
        jobs.run(JOB)
    assert method in {called for called, _ in api.calls}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_run_without_trainer_or_rights_names_the_manifests(
    jobs: TrainJobs, api: Api, status: int
) -> None:
    api.statuses = {"POST": status}
    with pytest.raises(SettingError, match=r"infra/trainer.*trainjobs is forbidden"):
        jobs.run(JOB)


@pytest.mark.parametrize("created", [True, False], ids=["created", "not created"])
@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_run_outlasts_a_server_that_can_not_create_the_job_for_a_while(
    jobs: TrainJobs, api: Api, status: int, created: bool
) -> None:
    api.failing_creations = [(status, created)]
    api.answers = [[COMPLETE]]
    jobs.run(JOB)
    assert api.calls.count(CREATE) == 2
    # What an unanswered request created is used, not replaced.
    assert (api.creations, api.deletions) == (1, [])


def test_run_whose_request_was_not_answered_still_replaces_the_job_of_an_earlier_attempt(
    jobs: TrainJobs, api: Api
) -> None:
    api.create({**JOB, "spec": {"trainer": {"args": ["--model=gs://b/first"]}}})
    api.failing_creations = [(503, False)]
    api.answers = [[RUNNING], [RUNNING], [COMPLETE]]
    jobs.run(JOB)
    assert (api.job["metadata"]["uid"], api.job["spec"]) == ("uid-2", JOB["spec"])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_run_at_a_server_that_can_not_create_the_job_may_be_retried(
    jobs: TrainJobs, api: Api, status: int
) -> None:
    api.statuses = {"POST": status}
    with pytest.raises(CaptionflowError, match="trainjobs is forbidden") as error:
        jobs.run(JOB)
    # A retry of the step finds no record of it.
    assert error.value.exit_code == CaptionflowError.exit_code
    # There is none to delete.
    assert api.deletions == []
    assert api.calls.count(CREATE) > 2


def test_run_interrupted_after_an_unanswered_request_deletes_what_it_created(
    jobs: TrainJobs, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    api.failing_creations = [(503, True)]
    api.answers = [[RUNNING]]
    with pytest.raises(KeyboardInterrupt):
        jobs.run(JOB)
    assert [body["preconditions"] for body in api.deletions] == [{"uid": "uid-1"}]


def test_run_replaces_the_job_of_an_earlier_attempt_when_its_pods_have_ended(
    jobs: TrainJobs, api: Api
) -> None:
    api.create({**JOB, "spec": {"trainer": {"args": ["--model=gs://b/first"]}}})
    api.lingers = 3
    api.answers = [[RUNNING], [RUNNING], [RUNNING], [RUNNING], [COMPLETE]]
    jobs.run(JOB)
    assert (api.job["metadata"]["uid"], api.job["spec"]) == ("uid-2", JOB["spec"])
    # Foreground: the job is there until its pods have ended.
    assert api.deletions[0] == {
        "propagationPolicy": "Foreground", "preconditions": {"uid": "uid-1"},
    }  # fmt: skip
    assert api.calls.index(DELETE) < len(api.calls) - 1 - api.calls[::-1].index(CREATE)


def test_run_ends_if_the_job_of_an_earlier_attempt_stays(jobs: TrainJobs, api: Api) -> None:
    api.create(JOB)
    api.lingers = 10**6
    api.answers = [[RUNNING]]
    with pytest.raises(CaptionflowError, match=f"{NAME} of an earlier attempt.*kubectl"):
        jobs.run(JOB)
    assert api.creations == 1


def test_run_of_what_an_earlier_attempt_completed_trains_no_second_time(
    jobs: TrainJobs, api: Api
) -> None:
    api.create(JOB)
    api.answers = [[COMPLETE]]
    jobs.run(JOB)
    assert (api.creations, api.deletions) == (1, [])


def test_run_of_a_job_that_a_later_attempt_replaced_leaves_that_alone(
    jobs: TrainJobs, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.answers = [[RUNNING]]
    # While the first attempt waits.
    monkeypatch.setattr("components.train.cluster.jobs.time.sleep", lambda _: api.create(dict(JOB)))
    with pytest.raises(CaptionflowError, match="another attempt"):
        jobs.run(JOB)
    assert DELETE not in api.calls


def test_run_that_is_interrupted_after_a_later_attempt_replaced_its_job_leaves_that_alone(
    jobs: TrainJobs, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.answers = [[RUNNING]]

    def interrupt(seconds: float) -> None:
        api.create(dict(JOB))
        raise KeyboardInterrupt

    monkeypatch.setattr("components.train.cluster.jobs.time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        jobs.run(JOB)
    assert (api.job["metadata"]["uid"], api.deleted) == ("uid-2", False)


def test_run_that_is_interrupted_deletes_the_job(
    jobs: TrainJobs, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.answers = [[RUNNING]]

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("components.train.cluster.jobs.time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        jobs.run(JOB)
    assert (api.calls[-1], api.deleted) == (DELETE, True)
