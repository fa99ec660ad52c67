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
from pipeline.cluster.runs import all_pages, is_ours, package_file, runs

# By default, the server also stops the runs of a recurring run that is deleted.
_KEEP_RUNS = "ORPHAN"
_ENABLED = "ENABLED"


@dataclass(frozen=True)
class Schedule:
    """A recurring run of the pipeline.

    Attributes:
        name: Its name.
        cron: Its cron expression in KFP's format, with seconds; "" if it is periodic.
        enabled: Whether it starts runs.
        last_run: Start of its last run; None if there is none.
        last_state: KFP's name for the state of that run; "" if there is none.
        address: Address of its page.
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
    """Creates or updates a schedule, which starts one run at a time and skips missed runs.

    KFP can't modify a recurring run, so a new one replaces it:

    1. create the new one, disabled if there is an old one;
    2. enable it;
    3. delete the old one, but not its runs;
    4. if someone else did the same meanwhile, delete all but the newest.

    One recurring run is enabled wherever this is interrupted, and the next call deletes duplicates.

    Args:
        client: A client that `connect` returned.
        cron: When runs start.
        arguments: The pipeline's parameters.
        experiment: The KFP experiment of the runs; created if it does not exist.
        name: Unique name of the schedule.

    Returns:
        The address of its page, and the number of recurring runs that it replaced.

    Raises:
        CaptionflowError: If the server rejects a request.
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
            enabled = [each for each in _named(client, name) if each.status == _ENABLED]
            enabled.sort(key=lambda each: (each.created_at, each.recurring_run_id))
            for each in enabled[:-1]:
                _delete(client, each)
    except CaptionflowError as error:
        raise type(error)(
            f"The schedule {name} may exist twice. Run the same command again. {error}"
        ) from error
    return _page(client, enabled[-1] if enabled else new), len(old)


def schedules(client: kfp.Client) -> list[Schedule]:
    """Returns the schedules of this pipeline, sorted by name.

    Raises:
        CaptionflowError: If the server rejects a request.
    """
    with talking_to(client):
        found = [_schedule(client, each) for each in _ours(client)]
    return sorted(found, key=lambda each: each.name)


def unschedule(client: kfp.Client, name: str) -> None:
    """Deletes a schedule; runs that it has started continue.

    Raises:
        CaptionflowError: If there is no such schedule, or the server rejects a request.
    """
    with talking_to(client):
        found = _named(client, name)
        for each in found:
            _delete(client, each)
    if not found:
        raise CaptionflowError(
            f"There is no schedule {name!r}. List all schedules with `captionflow schedules`"
        )


def _schedule(client: kfp.Client, recurring_run: Any) -> Schedule:
    started = runs(
        client,
        recurring_run.experiment_id,
        recurring_run_id=recurring_run.recurring_run_id,
    )
    newest = next(started, None)
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
    # The server's filter ignores case.
    return [each for each in _ours(client, display_name=name) if each.display_name == name]


def _ours(client: kfp.Client, **fields: str) -> Iterator[Any]:
    namespace = client.get_user_namespace()
    found = all_pages(client.list_recurring_runs, "recurring_runs", fields, namespace=namespace)
    return filter(is_ours, found)


def _delete(client: kfp.Client, recurring_run: Any) -> None:
    delete = client.recurring_runs.recurring_run_service_delete_recurring_run
    try:
        delete(recurring_run.recurring_run_id, propagation_policy=_KEEP_RUNS)
    except ApiException as error:
        # Someone else has already deleted it.
        if error.status != 404:
            raise
