"""Follows a run on a Kubeflow Pipelines server: the state of each step until the end."""

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
from pipeline.cluster.errors import NoAnswerError
from pipeline.cluster.failure import log_command, why_step_failed
from pipeline.cluster.runs import run_page
from pipeline.tasks import steps_of

_ENDS = frozenset({"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED", "ERROR"})
# A run that someone stops is CANCELING for a while, and ends as FAILED (TerminateRun in
# backend/src/apiserver/storage/run_store.go of KFP 2.17).
_STOPPED = frozenset({"CANCELING", "CANCELED"})
_COLOURS = {"SUCCEEDED": "green", "FAILED": "red", "RUNNING": "yellow", "SKIPPED": "cyan"}
# Looks at a run come further and further apart while nothing changes, up to these seconds.
_LONGEST_PAUSE = 30.0
_GROWTH = 1.5
_FIRST_YEAR = 2000


class RunFailedError(CaptionflowError):
    """A run did not succeed."""


@dataclass(frozen=True)
class StepState:
    """How a step of a run stands.

    Attributes:
        name: The step.
        title: Its display name.
        state: In KFP's words; "" if it has not begun, or was left out.
        seconds: How long it has taken; None if it has not begun.
        error: What the server says of its failure, if it failed.
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
    patience: int = 10,
) -> None:
    """Shows the state of each step until the run ends: a table on a terminal, else a line a change.

    Args:
        client: Of `connect`.
        run_id: The run.
        console: Where it is shown; standard output if None.
        pause: Seconds between the first looks; they grow while nothing changes.
        patience: How many looks in a row may fail for want of an answer.

    Raises:
        RunFailedError: If it failed, with the step, why, and the command that shows the log; or
            if it was stopped.
        CaptionflowError: If the server refuses, or does not answer for long.
    """
    console = console or Console()
    shown: list[StepState] = []
    waited, failed_looks, stopped = pause, 0, False
    live = Live(console=console, auto_refresh=False) if console.is_terminal else None
    with live or nullcontext():
        while True:
            try:
                with talking_to(client):
                    run = client.get_run(run_id)
                failed_looks = 0
            except NoAnswerError as error:
                failed_looks += 1
                if failed_looks > patience:
                    told = f"{error}. The run goes on: {run_page(client, run_id)}"
                    raise NoAnswerError(told) from error
            else:
                steps = step_states(run)
                if [step.state for step in steps] != [step.state for step in shown]:
                    waited = pause
                if live:
                    live.update(_table(steps), refresh=True)
                else:
                    _print_changes(console, shown, steps)
                shown = steps
                stopped = stopped or _was_stopped(run)
                if (run.state or "").upper() in _ENDS:
                    break
            time.sleep(waited)
            waited = min(waited * _GROWTH, max(_LONGEST_PAUSE, pause))
    if run.state.upper() != "SUCCEEDED":
        told = "The run was stopped" if stopped else _why(client, run, shown)
        raise RunFailedError(f"{told}. See {run_page(client, run_id)}")


def step_states(run: Any) -> list[StepState]:
    """Returns how each step of a run stands, in running order.

    A server lists what it has begun, by the steps' names, and for each a driver that prepares it.
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
        # Of a step that was left out (Argo: Omitted) KFP has no state: None.
        state = (task.state or "") if task else "PENDING" if driver else ""
        error = _error(task) if state == "FAILED" else ""
        states.append(StepState(step.name, step.task.task_info.name, state, _seconds(task), error))
    return states


def _error(*parts: Any) -> str:
    # Of a run or task, or of the last of its states that has one.
    for part in parts:
        for status in (part, *reversed((part and part.state_history) or [])):
            if status and status.error and status.error.message:
                return " ".join(status.error.message.split())
    return ""


def _was_stopped(run: Any) -> bool:
    history = (status.state for status in run.state_history or [])
    return not _STOPPED.isdisjoint({run.state, *history})


def _why(client: kfp.Client, run: Any, steps: list[StepState]) -> str:
    failed = next((step for step in steps if step.state == "FAILED"), None)
    told = (failed and failed.error) or _error(run)
    if failed is None:
        return f"The run ended {run.state.lower()}" + (f": {told}" if told else "")
    told = told or why_step_failed(client, run.run_id, failed.name)
    why = f": {told}" if told else ""
    return f"{failed.name} failed{why}. Its log: {log_command(client, run.run_id)}"


def _seconds(task: Any) -> float | None:
    # What has not happened yet has a time of long ago.
    start, end = (task and task.start_time), (task and task.end_time)
    if not start or start.year < _FIRST_YEAR:
        return None
    finished = end if end and end.year >= _FIRST_YEAR else datetime.now(UTC)
    return float((finished - start).total_seconds())


def _table(steps: list[StepState]) -> Table:
    table = Table("step", "state", Column("took", justify="right"), box=None, pad_edge=False)
    for step in steps:
        table.add_row(step.title, _word(step), _clock(step), style=_COLOURS.get(step.state))
    return table


def _print_changes(console: Console, before: list[StepState], now: list[StepState]) -> None:
    known = {step.name: step.state for step in before}
    for step in now:
        if step.state != known.get(step.name, ""):
            line = f"{step.title}: {_word(step)} {_clock(step)}"
            console.print(line.rstrip(), highlight=False, markup=False)


def _word(step: StepState) -> str:
    return step.state.lower() or "-"


def _clock(step: StepState) -> str:
    return "" if step.seconds is None else str(timedelta(seconds=round(step.seconds)))
