"""`submit --wait` through kfp's real client, to a server on loopback."""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from rich.console import Console

from pipeline.cluster.connection import Address, connect
from pipeline.cluster.errors import NoResponseError
from pipeline.cluster.follow import RunFailedError, follow_run

Call = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("no_cluster")


def _tasks(*states: tuple[str, str], **more: Any) -> dict[str, Any]:
    # As a server lists them: drivers, groups and pods stand beside the steps.
    times = {"start_time": "2026-11-01T10:00:00Z", "end_time": "1970-01-01T00:00:00Z"}
    names = [("captionflow-x7d2k", "RUNNING"), ("root", "RUNNING"), ("executor", "RUNNING")]
    details = [{"display_name": name, "state": state, **times} for name, state in (*names, *states)]
    done = {"end_time": "2026-11-01T10:01:05Z"}
    details = [{**task, **done} if task["state"] == "SUCCEEDED" else task for task in details]
    return {"run_details": {"task_details": details}, **more}


_FAILED = _tasks(("ingest", "FAILED"), state="FAILED")


def test_submit_wait_shows_each_change_until_success(call: Call, kfp_server: Any) -> None:
    kfp_server.course = [
        {"state": "PENDING"},
        _tasks(("ingest-driver", "RUNNING"), state="RUNNING"),
        _tasks(("ingest-driver", "SUCCEEDED"), ("ingest", "RUNNING"), state="RUNNING"),
        _tasks(("ingest", "SUCCEEDED"), ("trigger-driver", "SUCCEEDED"), state="RUNNING"),
        _tasks(("ingest", "SUCCEEDED"), ("trigger", "SUCCEEDED"), state="SUCCEEDED"),
    ]
    result = call("submit", "--wait", "--pause", 0.05)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()[2:]
    assert [re.sub(r"(running) .*", r"\1", line) for line in lines] == [
        "1 ingest: pending",
        "1 ingest: running",
        "1 ingest: succeeded 0:01:05",
        "2 trigger: pending",
        "2 trigger: succeeded 0:01:05",
    ]


def test_submit_wait_of_a_failed_step_names_it_and_its_error(call: Call, kfp_server: Any) -> None:
    failed = _tasks(("ingest", "SUCCEEDED"), ("train", "FAILED"), state="FAILED")
    failed["run_details"]["task_details"][-1]["state_history"] = [
        {"state": "RUNNING"},
        {"state": "FAILED", "error": {"code": 2, "message": "exit code 3:\nno photos"}},
    ]
    kfp_server.course = [_tasks(("ingest", "RUNNING"), state="RUNNING"), failed]
    result = call("submit", "--wait", "--pause", 0.05)
    assert result.exit_code == 1
    (run_id,) = kfp_server.runs
    assert result.stderr.startswith("captionflow: train failed: exit code 3: no photos. ")
    assert f" --selector pipeline/runid={run_id} " in result.stderr
    assert result.stderr.endswith(f" See {kfp_server.url}/#/runs/details/{run_id}\n")
    assert len(result.stderr.splitlines()) == 1


def test_submit_wait_of_a_failed_run_bears_steps_without_a_state(
    call: Call, kfp_server: Any
) -> None:
    # So KFP 2.17 lists steps that Argo omits, see toApiPipelineTaskDetail in
    # backend/src/apiserver/server/api_converter.go: it knows no state of that name.
    end = _tasks(("ingest", "FAILED"), state="FAILED")
    times = {"start_time": "1970-01-01T00:00:00Z", "end_time": "1970-01-01T00:00:00Z"}
    end["run_details"]["task_details"] += [
        {"display_name": name, **times} for name in ("trigger", "trigger-driver", "condition-1")
    ]
    kfp_server.course = [_tasks(("ingest", "RUNNING"), state="RUNNING"), end]
    result = call("submit", "--wait", "--pause", 0.05)
    assert result.exit_code == 1
    assert result.stderr.startswith("captionflow: ingest failed. Its log: kubectl logs ")
    assert "trigger" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    "course",
    [
        [{"state": "CANCELED"}],
        # In the end KFP 2.17 calls a run failed that was stopped, and its step too.
        [_tasks(("ingest", "RUNNING"), state="CANCELING"), _FAILED],
        [{**_FAILED, "state_history": [{"state": "RUNNING"}, {"state": "CANCELING"}]}],
    ],
)
def test_submit_wait_of_a_stopped_run_says_so(
    call: Call, kfp_server: Any, course: list[dict[str, Any]]
) -> None:
    kfp_server.course = course
    result = call("submit", "--wait", "--pause", 0.05)
    assert result.exit_code == 1
    assert result.stderr.startswith("captionflow: The run was stopped. See http")


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ({"state": "SKIPPED"}, "captionflow: The run ended as skipped. See http"),
        (
            {"state": "FAILED", "error": {"code": 9, "message": "no such claim"}},
            "captionflow: The run ended as failed: no such claim. See http",
        ),
        (
            _tasks(("ingest-driver", "FAILED"), state="FAILED"),
            "captionflow: ingest failed. Its log: kubectl logs --namespace kubeflow --selector ",
        ),
    ],
)
def test_submit_wait_of_an_unsuccessful_run_fails(
    call: Call, kfp_server: Any, end: dict[str, Any], message: str
) -> None:
    kfp_server.course = [end]
    result = call("submit", "--wait", "--pause", 0.05)
    assert result.exit_code == 1
    assert result.stderr.startswith(message)


def test_submit_wait_bears_a_server_that_is_away_for_a_while(call: Call, kfp_server: Any) -> None:
    kfp_server.refuse("GET", "/runs/", 503, times=2)
    kfp_server.refuse("GET", "/runs/", -1, times=2)
    kfp_server.course = [_tasks(("ingest", "SUCCEEDED"), state="SUCCEEDED")]
    assert call("submit", "--wait", "--pause", 0.05).exit_code == 0
    assert len(kfp_server.sent("GET", next(iter(kfp_server.runs)))) == 5


def test_follow_run_without_responses_names_the_run(
    kfp_server: Any,
) -> None:
    kfp_server.add("run", {}, state="RUNNING")
    kfp_server.refuse("GET", "/runs/", 503)
    client = connect(Address(host=kfp_server.url))
    with pytest.raises(NoResponseError, match=r"not ready \(503\).*The run continues: http.*run-0"):
        follow_run(client, "run-0", pause=0, max_failures=3)
    assert len(kfp_server.sent("GET", "run-0")) == 4


def test_follow_run_on_a_terminal_draws_a_table_of_all_steps(kfp_server: Any) -> None:
    kfp_server.add("run", {})
    kfp_server.course = [_tasks(("ingest", "SUCCEEDED"), ("trigger", "FAILED"), state="FAILED")]
    screen = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)
    with pytest.raises(RunFailedError, match=r"^trigger failed\. "):
        follow_run(connect(Address(host=kfp_server.url)), "run-0", screen, pause=0)
    shown = screen.file.getvalue()  # type: ignore[attr-defined] # it is a StringIO
    assert re.search(r"1 ingest +succeeded +0:01:05", shown)
    assert re.search(r"2 trigger +failed", shown)
    assert re.search(r"10 register +- ", shown)


def test_submit_wait_interrupted_names_the_run(call: Call, kfp_server: Any) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.cluster.follow.time.sleep", interrupt)
        result = call("submit", "--wait")
    assert result.exit_code == 130
    (run_id,) = kfp_server.runs
    page = f"{kfp_server.url}/#/runs/details/{run_id}"
    assert result.stderr == f"captionflow: stopped waiting; the run continues: {page}\n"
