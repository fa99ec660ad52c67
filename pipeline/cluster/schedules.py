"""Schedules on a Kubeflow Pipelines (KFP) server: recurring runs of the pipeline."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import kfp
from kfp_server_api import ApiException

from components.errors import CaptionflowError
from pipeline.cluster.connection import page, talking_to
from pipeline.cluster.cron import Cron
from pipeline.cluster.runs import is_ours, listed, package_file, runs

# With a recurring run the server ends the runs that it has made, unless it is told not to.
_KEEP_RUNS = "ORPHAN"
_ENABLED = "ENABLED"


@dataclass(frozen=True)
class Schedule:
    """A recurring run of the pipeline.

    Attributes:
        name: As the user named it.
        cron: Its line as the server has it, with seconds; "" if it is none.
        enabled: Whether it makes runs.
        last_run: When it last made one; None if it never did.
        last_state: How that run stands, in KFP's words; "" if there is none.
        address: Its page.
    """

    name: str
    cron: str
    enabled: bool
    last_run: datetime | None
    last_state: str
    address: str


def schedule(
    client: kfp.Client, cron: Cron, arguments: Mapping[str, Any], *, experiment: str, name: str
) -> tuple[str, int]:
    """Makes or updates the schedule of this name: one run at a time, and none to catch up.

    KFP can't change a recurring run, so a new one takes over:

    1. make it; if there is an old one, not yet enabled;
    2. enable it;
    3. delete the old one, but not the runs that it has made;
    4. if someone else did the same meanwhile, only the newer one stays.

    Wherever this is cut off, one is enabled; the next call deletes what is too many.

    Args:
        client: Of `connect`.
        cron: When it makes runs.
        arguments: The pipeline's parameters.
        experiment: The KFP experiment of the runs; made if it is not there.
        name: Its name: there is one schedule of a name.

    Returns:
        The address of its page, and how many it replaced.

    Raises:
        CaptionflowError: If the server refuses.
    """
    with talking_to(client), package_file() as package:
        old = _named(client, name)
        new = client.create_recurring_run(
            client.create_experiment(experiment).experiment_id,
            name,
            cron_expression=cron.with_seconds,
            max_concurrency=1,
            no_catchup=True,
            params=dict(arguments),
            pipeline_package_path=package,
            enabled=not old,
        )
    try:
        with talking_to(client):
            if old:
                client.enable_recurring_run(new.recurring_run_id)
            for each in old:
                _delete(client, each)
            rivals = [each for each in _named(client, name) if each.status == _ENABLED]
            rivals.sort(key=lambda each: (each.created_at, each.recurring_run_id))
            for each in rivals[:-1]:
                _delete(client, each)
    except CaptionflowError as error:
        raise type(error)(
            f"The schedule {name} may be there twice: run the same command again. {error}"
        ) from error
    return _page(client, rivals[-1] if rivals else new), len(old)


def schedules(client: kfp.Client) -> list[Schedule]:
    """Returns the schedules of this pipeline, by name.

    Raises:
        CaptionflowError: If the server refuses.
    """
    with talking_to(client):
        found = [_described(client, each) for each in _ours(client)]
    return sorted(found, key=lambda each: each.name)


def unschedule(client: kfp.Client, name: str) -> None:
    """Deletes the schedule of this name; runs that it has made go on.

    Raises:
        CaptionflowError: If there is none, or the server refuses.
    """
    with talking_to(client):
        found = _named(client, name)
        for each in found:
            _delete(client, each)
    if not found:
        raise CaptionflowError(
            f"There is no schedule {name!r}: `captionflow schedules` shows those that there are"
        )


def _described(client: kfp.Client, recurring_run: Any) -> Schedule:
    made = runs(
        client,
        recurring_run.experiment_id,
        recurring_run_id=recurring_run.recurring_run_id,
    )
    newest = next(made, None)
    cron = recurring_run.trigger and recurring_run.trigger.cron_schedule
    return Schedule(
        name=recurring_run.display_name,
        cron=(cron and cron.cron) or "",
        enabled=recurring_run.status == _ENABLED,
        last_run=newest and newest.created_at,
        last_state=(newest and newest.state) or "",
        address=_page(client, recurring_run),
    )


def _page(client: kfp.Client, recurring_run: Any) -> str:
    return page(client, "recurringrun", "details", recurring_run.recurring_run_id)


def _named(client: kfp.Client, name: str) -> list[Any]:
    # The server takes no notice of case.
    return [each for each in _ours(client, display_name=name) if each.display_name == name]


def _ours(client: kfp.Client, **fields: str) -> Iterator[Any]:
    namespace = client.get_user_namespace()
    found = listed(client.list_recurring_runs, "recurring_runs", fields, namespace=namespace)
    return filter(is_ours, found)


def _delete(client: kfp.Client, recurring_run: Any) -> None:
    delete = client.recurring_runs.recurring_run_service_delete_recurring_run
    try:
        delete(recurring_run.recurring_run_id, propagation_policy=_KEEP_RUNS)
    except ApiException as error:
        # Someone else was faster.
        if error.status != 404:
            raise
