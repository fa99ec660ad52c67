"""`schedule`, `schedules` and `unschedule` through kfp's real client, to a server on loopback."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result

from pipeline.config import Settings
from pipeline.kubernetes_settings import KubernetesSettings

PROJECT = Path(__file__).parents[3]
Call = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("no_cluster")


def _crons(server: Any) -> list[tuple[str, str]]:
    return [
        (each["trigger"]["cron_schedule"]["cron"], each["status"])
        for each in server.recurring_runs.values()
    ]


def test_schedule_sends_package_cron_concurrency_and_parameters(
    call: Call, kfp_server: Any, package: Path
) -> None:
    result = call(
        "schedule", "--cron", "0 3 * * 0", "--preset", "flickr8k", "--dataset", "gs://b/x.zip",
        "--glove", "gs://b/glove.txt", "--epochs", 3, "--gpus", 0,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    (request,) = kfp_server.sent("POST", "/recurringruns")
    sent, (pipeline, platform) = request.body, yaml.safe_load_all(package.read_text())
    assert sent["pipeline_spec"] == {"pipeline_spec": pipeline, "platform_spec": platform}
    assert sent["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * 0"}}
    assert (sent["max_concurrency"], sent["no_catchup"], sent["mode"]) == (1, True, "ENABLE")
    assert (sent["display_name"], sent["experiment_id"]) == ("captionflow", "experiment-1")
    parameters = sent["runtime_config"]["parameters"]
    assert set(parameters) == {*Settings.model_fields, *KubernetesSettings.model_fields}
    expected = {"dataset": "gs://b/x.zip", "epochs": 3, "gpus": 0, "train_nodes": {}}
    assert {name: parameters[name] for name in expected} == expected


def test_schedule_prints_next_start_and_page(call: Call, kfp_server: Any) -> None:
    made = call("schedule", "--cron", "0 3 1 1 *").stdout.splitlines()
    (schedule_id,) = kfp_server.recurring_runs
    assert made == [
        "Schedule captionflow created: 0 3 1 1 * (UTC)",
        f"Next  {datetime.now(UTC).year + 1}-01-01 03:00",
        f"Page  {kfp_server.url}/#/recurringrun/details/{schedule_id}",
    ]
    changed = call("schedule", "--cron", "0 4 1 1 *").stdout.splitlines()
    assert changed[0] == "Schedule captionflow updated: 0 4 1 1 * (UTC)"
    assert changed[2].rpartition("/")[2] in kfp_server.recurring_runs


def test_schedule_again_leaves_one_the_new_one(call: Call, kfp_server: Any) -> None:
    for hour in (3, 4, 5):
        assert call("schedule", "--cron", f"0 {hour} * * 0").exit_code == 0
    assert _crons(kfp_server) == [("0 0 5 * * 0", "ENABLED")]
    # What is to replace another does nothing before it is all there.
    sent = kfp_server.sent("POST", "/recurringruns")
    assert [request.body["mode"] for request in sent] == ["ENABLE", "DISABLE", "DISABLE"]


def test_schedule_again_deletes_no_run_that_the_old_one_made(call: Call, kfp_server: Any) -> None:
    call("schedule", "--cron", "0 3 * * 0")
    call("schedule", "--cron", "0 4 * * 0")
    call("unschedule")
    deleted = [request for request in kfp_server.requests if request.method == "DELETE"]
    assert [request.query for request in deleted] == 2 * [{"propagation_policy": "ORPHAN"}]


def test_schedule_leaves_others_alone(call: Call, kfp_server: Any) -> None:
    # Of another name, of a name in capitals, and of another pipeline that has the same name.
    for name in ("nightly", "Captionflow"):
        assert call("schedule", "--cron", "0 1 * * *", "--name", name).exit_code == 0
    other = {"pipeline_spec": {"pipelineInfo": {"name": "other"}}, "display_name": "captionflow"}
    cron = {"trigger": {"cron_schedule": {"cron": "0 0 2 * * *"}}}
    kfp_server.add("recurring_run", {**other, **cron}, status="ENABLED")
    kfp_server.add("recurring_run", {"display_name": "captionflow", **cron}, status="ENABLED")
    for hour in (3, 4):
        assert call("schedule", "--cron", f"0 {hour} * * 0").exit_code == 0
    assert sorted(cron for cron, _ in _crons(kfp_server)) == [
        "0 0 1 * * *", "0 0 1 * * *", "0 0 2 * * *", "0 0 2 * * *", "0 0 4 * * 0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/recurringruns"), ("POST", ":enable"), ("DELETE", "/recurringruns/")],
)
def test_schedule_interrupted_leaves_one_enabled_and_the_next_call_only_one(
    call: Call, kfp_server: Any, method: str, path: str
) -> None:
    assert call("schedule", "--cron", "0 3 * * 0").exit_code == 0
    kfp_server.refuse(method, path, -1, times=1)
    result = call("schedule", "--cron", "0 4 * * 0")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "was lost. Try again" in result.stderr
    assert ("Run the same command again" in result.stderr) == (path != "/recurringruns")
    assert [status for _, status in _crons(kfp_server)].count("ENABLED") >= 1
    assert call("schedule", "--cron", "0 5 * * 0").exit_code == 0
    assert _crons(kfp_server) == [("0 0 5 * * 0", "ENABLED")]


@pytest.mark.parametrize(("method", "path"), [("POST", ":enable"), ("DELETE", "/recurringruns/")])
def test_schedule_killed_leaves_one_enabled_and_a_next_call_only_one(
    call: Call, kfp_server: Any, method: str, path: str
) -> None:
    assert call("schedule", "--cron", "0 3 * * 0").exit_code == 0
    command = [sys.executable, "-m", "pipeline.kubeflow", "schedule", "--host", kfp_server.url]
    with subprocess.Popen([*command, "--cron", "0 4 * * 0"], cwd=PROJECT) as killed:

        def kill(request: Any) -> None:
            if request.method == method and path in request.path:
                os.kill(killed.pid, signal.SIGKILL)
                kfp_server.refuse(method, path, -1, times=1)

        kfp_server.on_request = kill
        assert killed.wait(timeout=60) == -signal.SIGKILL
    kfp_server.on_request = None
    assert len(kfp_server.recurring_runs) == 2
    assert [status for _, status in _crons(kfp_server)].count("ENABLED") >= 1
    assert call("schedule", "--cron", "0 5 * * 0").exit_code == 0
    assert _crons(kfp_server) == [("0 0 5 * * 0", "ENABLED")]


@pytest.mark.parametrize("theirs_is_newer", [True, False])
def test_schedule_by_two_at_once_leaves_one(
    call: Call, kfp_server: Any, theirs_is_newer: bool
) -> None:
    def meanwhile(request: Any) -> None:
        if request.method == "POST" and request.path.endswith("/recurringruns"):
            kfp_server.on_request = None
            trigger = {"cron_schedule": {"cron": "0 0 9 * * 0"}}
            kfp_server.add("recurring_run", {**request.body, "trigger": trigger}, status="ENABLED")
            if theirs_is_newer:
                theirs = list(kfp_server.recurring_runs.values())[-1]
                theirs["created_at"] = "2030-01-01T00:00:00+00:00"

    kfp_server.on_request = meanwhile
    result = call("schedule", "--cron", "0 4 * * 0")
    assert result.exit_code == 0
    ((cron, status),) = _crons(kfp_server)
    assert (cron, status) == ("0 0 9 * * 0" if theirs_is_newer else "0 0 4 * * 0", "ENABLED")
    assert result.stdout.strip().endswith(next(iter(kfp_server.recurring_runs)))


def test_schedule_of_a_wrong_cron_sends_nothing(call: Call, kfp_server: Any) -> None:
    result = call("schedule", "--cron", "0 3 * * 7")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "day-of-week" in line
    assert "'0 3 * * 7'" in line
    assert kfp_server.requests == []


def test_schedules_shows_each_with_its_last_run(call: Call, kfp_server: Any) -> None:
    call("schedule", "--cron", "0 3 1 1 *")
    call("schedule", "--cron", "0 4 1 1 *", "--name", "nightly")
    first, second = kfp_server.recurring_runs.values()
    second["status"] = "DISABLED"
    for state in ("FAILED", "SUCCEEDED"):
        made = {name: first[name] for name in ("experiment_id", "recurring_run_id")}
        kfp_server.add("run", made, state=state, created_at=f"2026-11-0{len(state)}T03:00:05Z")
    shown = call("schedules").stdout
    rows = [line.split() for line in shown.splitlines()]
    due = [f"{datetime.now(UTC).year + 1}-01-01", "03:00"]
    last = ["2026-11-09", "03:00", "succeeded"]
    assert rows[1] == ["captionflow", "0", "3", "1", "1", "*", "yes", *due, *last]
    assert rows[2] == ["nightly", "0", "4", "1", "1", "*", "no", "-", "-", "-"]
    assert rows[3:] == [
        [name, f"{kfp_server.url}/#/recurringrun/details/{each['recurring_run_id']}"]
        for name, each in (("captionflow", first), ("nightly", second))
    ]


def test_schedules_of_several_pages_shows_all(call: Call, kfp_server: Any) -> None:
    call("schedule", "--cron", "0 3 * * 0", "--name", "s0")
    (first,) = kfp_server.recurring_runs.values()
    for number in range(1, 5):
        kfp_server.add("recurring_run", {**first, "display_name": f"s{number}"})
    shown = call("schedules").stdout
    assert [line.split()[0] for line in shown.splitlines()[1:6]] == ["s0", "s1", "s2", "s3", "s4"]


def test_schedules_without_any_names_the_command(call: Call) -> None:
    assert call("schedules").stdout == (
        "No schedules yet. Create one with: captionflow schedule --cron '0 3 * * 0'\n"
    )


def test_unschedule_removes_the_one_of_that_name(call: Call, kfp_server: Any) -> None:
    call("schedule", "--cron", "0 3 * * 0")
    call("schedule", "--cron", "0 4 * * 0", "--name", "nightly")
    result = call("unschedule", "--name", "nightly")
    assert (result.exit_code, result.stdout) == (0, "Schedule nightly deleted.\n")
    assert _crons(kfp_server) == [("0 0 3 * * 0", "ENABLED")]


def test_unschedule_of_an_unknown_name_fails(call: Call) -> None:
    result = call("unschedule", "--name", "nightly")
    assert result.exit_code == 1
    assert result.stderr.startswith("captionflow: There is no schedule 'nightly'.")
    assert "`captionflow schedules`" in result.stderr
