"""Starts and finds runs on a Kubeflow Pipelines (KFP) server."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import kfp
from kfp.client.client import _FILTER_OPERATIONS

from pipeline.cluster.connection import page, talking_to
from pipeline.names import PIPELINE

# Items per request.
_PAGE_SIZE = 100


@dataclass(frozen=True)
class FinishedRun:
    """A successful run.

    Attributes:
        name: Its name in the user interface.
        parameters: Parameters by name; those with their default value are left out.
        pipeline_spec: The first part of its package: components, DAG and defaults.
        address: Address of its page.
    """

    name: str
    parameters: Mapping[str, Any]
    pipeline_spec: Mapping[str, Any]
    address: str


def submit(
    client: kfp.Client, arguments: Mapping[str, Any], *, experiment: str, run_name: str
) -> str:
    """Compiles the pipeline and starts a run of it.

    Args:
        client: A client that `connect` returned.
        arguments: The pipeline's parameters.
        experiment: The KFP experiment of the run; created if it does not exist.
        run_name: Name of the run in the user interface.

    Returns:
        The run's id.

    Raises:
        CaptionflowError: If the server rejects a request.
    """
    with talking_to(client), package_file() as package:
        experiment_id = client.create_experiment(experiment).experiment_id
        run = client.run_pipeline(experiment_id, run_name, package, params=dict(arguments))
    return str(run.run_id)


def run_page(client: kfp.Client, run_id: str) -> str:
    """Returns the address of a run's page."""
    return page(client, "runs", "details", run_id)


def last_run(client: kfp.Client, experiment: str) -> FinishedRun | None:
    """Returns the newest successful run of this pipeline in an experiment; None if there is none.

    Runs that ended after `trigger` are skipped: they trained nothing to compare with.

    Raises:
        CaptionflowError: If the server rejects a request.
    """
    with talking_to(client):
        try:
            experiment_id = client.get_experiment(experiment_name=experiment).experiment_id
        except ValueError:
            return None  # The experiment does not exist yet.
        for summary in runs(client, experiment_id, state="SUCCEEDED"):
            run = client.get_run(summary.run_id)
            if is_ours(run) and _trained(run):
                return FinishedRun(
                    name=run.display_name,
                    parameters=(run.runtime_config and run.runtime_config.parameters) or {},
                    pipeline_spec=_spec(run),
                    address=run_page(client, run.run_id),
                )
    return None


@contextmanager
def package_file() -> Iterator[str]:
    """Compiles the pipeline into a temporary package, and yields its path."""
    # kfp takes seconds to trace the DAG, which other commands and errors don't need.
    from pipeline.package import compile_package

    with TemporaryDirectory(prefix="captionflow-") as folder:
        package = Path(folder, f"{PIPELINE}.yaml")
        compile_package(package)
        yield str(package)


def is_ours(run: Any) -> bool:
    """Returns whether a run or recurring run belongs to this pipeline, by its package."""
    name = _spec(run).get("pipelineInfo", {}).get("name")
    return bool(name == PIPELINE)


def runs(client: kfp.Client, experiment_id: str, **fields: str) -> Iterator[Any]:
    """Yields an experiment's runs whose fields have these values, the newest first."""
    return all_pages(client.list_runs, "runs", fields, experiment_id=experiment_id)


def all_pages(
    request: Callable[..., Any], kind: str, fields: Mapping[str, str], **options: Any
) -> Iterator[Any]:
    """Yields the items of all pages of a list request, the newest first.

    Args:
        request: A method of kfp's client that requests one page.
        kind: Attribute of its response that holds the items.
        fields: Values that the items' fields must have.
        options: Further arguments of `request`.
    """
    equals = _FILTER_OPERATIONS["EQUALS"]
    predicates = [{"operation": equals, "key": key, "stringValue": fields[key]} for key in fields]
    options["filter"] = json.dumps({"predicates": predicates}) if predicates else None
    token = ""
    while True:
        response = request(
            page_token=token, page_size=_PAGE_SIZE, sort_by="created_at desc", **options
        )
        yield from getattr(response, kind) or []
        if not (token := response.next_page_token):
            return


def _trained(run: Any) -> bool:
    # Without details, assume that it did.
    tasks = {task.display_name for task in (run.run_details and run.run_details.task_details) or ()}
    return not tasks or "train" in tasks


def _spec(run: Any) -> dict[str, Any]:
    # A package with a part for Kubernetes contains the pipeline's and the platform's spec.
    package = run.pipeline_spec or {}
    spec: dict[str, Any] = package.get("pipeline_spec", package)
    return spec
