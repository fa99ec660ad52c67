"""Follows a run on a Kubeflow Pipelines server: shows the state of each step until it ends."""

import time
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import kfp
from rich.console import Console
from rich.live import Live
from rich.table import Column, Table

from components.errors import CaptionflowError
from pipeline.cluster.connection import talking_to
from pipeline.cluster.errors import NoResponseError
from pipeline.cluster.failure import log_command, why_step_failed
from pipeline.cluster.runs import run_page
from pipeline.tasks import steps_of

_FINAL_STATES = frozenset({"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED", "ERROR"})
# A stopped run is CANCELING for a while, and then FAILED (TerminateRun in
# backend/src/apiserver/storage/run_store.go of KFP 2.17).
_STOPPED = frozenset({"CANCELING", "CANCELED"})
_COLOURS = {"SUCCEEDED": "green", "FAILED": "red", "RUNNING": "yellow", "SKIPPED": "cyan"}
# The pause between queries grows while nothing changes, up to these seconds.
_MAX_PAUSE = 30.0
_GROWTH = 1.5
# KFP sets the times of events that have not happened to 1970 or earlier.
_FIRST_YEAR = 2000


class RunFailedError(CaptionflowError):
    """A run did not succeed."""


@dataclass(frozen=True)
class StepState:
    """The state of a step in a run.

    Attributes:
        name: The step.
        title: Its display name.
        state: KFP's name for its state; "" if it has not started, or was skipped.
        seconds: Time since it started, or that it took; None if it has not started.
        error: The server's error message, if it failed.
    """

    name: str
    title: str
    state: str
    seconds: float | None
    error: str


def follow_run(
    client: kfp.Client,
    run_id: str,
    console: Console | None = None,
    *,
    pause: float = 2.0,
    max_failures: int = 10,
) -> None:
    """Shows the state of each step until the run ends.

    A terminal shows a table that is updated; other outputs get one line per change.

    Args:
        client: A client that `connect` returned.
        run_id: The run's id.
        console: Where to print; standard output if None.
        pause: Seconds between the first queries; the pause grows while nothing changes.
        max_failures: Number of consecutive queries that may go without a response.

    Raises:
        RunFailedError: If the run failed (with the step, the reason and the command that shows the
            log) or was stopped.
        CaptionflowError: If the server rejects a request, or does not respond for too long.
    """
    console = console or Console()
    shown: list[StepState] = []
    current_pause, failures, stopped = pause, 0, False
    live = Live(console=console, auto_refresh=False) if console.is_terminal else None
    with live or nullcontext():
        while True:
            try:
                with talking_to(client):
                    run = client.get_run(run_id)
                failures = 0
            except NoResponseError as error:
                failures += 1
                if failures > max_failures:
                    message = f"{error}. The run continues: {run_page(client, run_id)}"
                    raise NoResponseError(message) from error
            else:
                steps = step_states(run)
                if [step.state for step in steps] != [step.state for step in shown]:
                    current_pause = pause
                if live:
                    live.update(_table(steps), refresh=True)
                else:
                    _print_changes(console, shown, steps)
                shown = steps
                stopped = stopped or _was_stopped(run)
                if (run.state or "").upper() in _FINAL_STATES:
                    break
            time.sleep(current_pause)
            current_pause = min(current_pause * _GROWTH, max(_MAX_PAUSE, pause))
    if run.state.upper() != "SUCCEEDED":
        reason = "The run was stopped" if stopped else _failure(client, run, shown)
        raise RunFailedError(f"{reason}. See {run_page(client, run_id)}")


def step_states(run: Any) -> list[StepState]:
    """Returns the state of each step of a run, in running order.

    A server only lists steps that have started, by name, and for each a driver that prepares it.
    """
    # See `pipeline.cluster.runs.package_file`.
    from pipeline.dag import captioning_pipeline

    details = (run.run_details and run.run_details.task_details) or []
    tasks = {task.display_name: task for task in details}
    states = []
    for step in steps_of(captioning_pipeline.pipeline_spec):
        task, driver = tasks.get(step.name), tasks.get(f"{step.name}-driver")
        if driver and driver.state == "FAILED":
            task = driver
        # KFP's state of a skipped step (Omitted in Argo) is None.
        state = (task.state or "") if task else "PENDING" if driver else ""
        error = _error(task) if state == "FAILED" else ""
        states.append(StepState(step.name, step.task.task_info.name, state, _seconds(task), error))
    return states


def _error(*sources: Any) -> str:
    # The message of a run or task itself, or else of its latest state that has one.
    for source in sources:
        for status in (source, *reversed((source and source.state_history) or [])):
            if status and status.error and status.error.message:
                return " ".join(status.error.message.split())
    return ""


def _was_stopped(run: Any) -> bool:
    history = (status.state for status in run.state_history or [])
    return not _STOPPED.isdisjoint({run.state, *history})


def _failure(client: kfp.Client, run: Any, steps: list[StepState]) -> str:
    failed = next((step for step in steps if step.state == "FAILED"), None)
    error = (failed and failed.error) or _error(run)
    if failed is None:
        return f"The run ended as {run.state.lower()}" + (f": {error}" if error else "")
    error = error or why_step_failed(client, run.run_id, failed.name)
    reason = f": {error}" if error else ""
    return f"{failed.name} failed{reason}. Its log: {log_command(client, run.run_id)}"


def _seconds(task: Any) -> float | None:
    start, end = (task and task.start_time), (task and task.end_time)
    if not start or start.year < _FIRST_YEAR:
        return None
    finished = end if end and end.year >= _FIRST_YEAR else datetime.now(UTC)
    return float((finished - start).total_seconds())


def _table(steps: list[StepState]) -> Table:
    table = Table("step", "state", Column("time", justify="right"), box=None, pad_edge=False)
    for step in steps:
        table.add_row(step.title, _state(step), _duration(step), style=_COLOURS.get(step.state))
    return table


def _print_changes(console: Console, before: list[StepState], now: list[StepState]) -> None:
    states = {step.name: step.state for step in before}
    for step in now:
        if step.state != states.get(step.name, ""):
            line = f"{step.title}: {_state(step)} {_duration(step)}"
            console.print(line.rstrip(), highlight=False, markup=False)


def _state(step: StepState) -> str:
    return step.state.lower() or "-"


def _duration(step: StepState) -> str:
    return "" if step.seconds is None else str(timedelta(seconds=round(step.seconds)))
