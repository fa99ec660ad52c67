"""Runs on a Kubeflow Pipelines server; `pipeline.cluster.connection` makes kfp's client."""

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

_PAGE = 100


@dataclass(frozen=True)
class FinishedRun:
    """A run that succeeded.

    Attributes:
        name: What the user interface calls it.
        parameters: What it ran with, by name; what was left to its default is not there.
        pipeline_spec: The package's first part: components, DAG and defaults.
        address: Its page.
    """

    name: str
    parameters: Mapping[str, Any]
    pipeline_spec: Mapping[str, Any]
    address: str


def submit(
    client: kfp.Client, arguments: Mapping[str, Any], *, experiment: str, run_name: str
) -> str:
    """Starts a run of the pipeline as it is here; each step caches as it was compiled.

    Args:
        client: Of `connect`.
        arguments: The pipeline's parameters.
        experiment: The KFP experiment of the run; made if it is not there.
        run_name: What the user interface calls it.

    Returns:
        The run's id.

    Raises:
        CaptionflowError: If the server refuses.
    """
    with talking_to(client), package_file() as package:
        experiment_id = client.create_experiment(experiment).experiment_id
        run = client.run_pipeline(experiment_id, run_name, package, params=dict(arguments))
    return str(run.run_id)


def run_page(client: kfp.Client, run_id: str) -> str:
    """Returns the address of a run's page."""
    return page(client, "runs", "details", run_id)


def last_run(client: kfp.Client, experiment: str) -> FinishedRun | None:
    """Returns the newest run of this pipeline in an experiment that succeeded; None if none did.

    One that ended at `trigger` is passed over: it left nothing to be reused.

    Raises:
        CaptionflowError: If the server refuses.
    """
    with talking_to(client):
        try:
            experiment_id = client.get_experiment(experiment_name=experiment).experiment_id
        except ValueError:
            return None  # There is no such experiment yet.
        for listed in runs(client, experiment_id, state="SUCCEEDED"):
            run = client.get_run(listed.run_id)
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
    """Yields the path of the package of the pipeline as it is here; it is gone afterwards."""
    # To trace the DAG takes kfp seconds, which lists and errors have no need of.
    from pipeline.package import compile_package

    with TemporaryDirectory() as folder:
        package = Path(folder, f"{PIPELINE}.yaml")
        compile_package(package)
        yield str(package)


def is_ours(run: Any) -> bool:
    """Whether a run, or what makes runs, carries this pipeline's package with it."""
    name = _spec(run).get("pipelineInfo", {}).get("name")
    return bool(name == PIPELINE)


def runs(client: kfp.Client, experiment_id: str, **fields: str) -> Iterator[Any]:
    """Yields an experiment's runs with these values, the newest first."""
    return listed(client.list_runs, "runs", fields, experiment_id=experiment_id)


def listed(
    ask: Callable[..., Any], kind: str, fields: Mapping[str, str], **options: Any
) -> Iterator[Any]:
    """Yields all that the server has of a kind, page by page, the newest first.

    Args:
        ask: A method of kfp's client that lists.
        kind: The name that its answer has the list under.
        fields: What is listed has these values.
        options: Further arguments of `ask`.
    """
    equals = _FILTER_OPERATIONS["EQUALS"]
    rule = [{"operation": equals, "key": key, "stringValue": fields[key]} for key in fields]
    options["filter"] = json.dumps({"predicates": rule}) if rule else None
    token = ""
    while True:
        answer = ask(page_token=token, page_size=_PAGE, sort_by="created_at desc", **options)
        yield from getattr(answer, kind) or []
        if not (token := answer.next_page_token):
            return


def _trained(run: Any) -> bool:
    # Without details, nothing says that it did not.
    tasks = {task.display_name for task in (run.run_details and run.run_details.task_details) or ()}
    return not tasks or "train" in tasks


def _spec(run: Any) -> dict[str, Any]:
    # A package with a part for Kubernetes has both side by side.
    sent = run.pipeline_spec or {}
    spec: dict[str, Any] = sent.get("pipeline_spec", sent)
    return spec
