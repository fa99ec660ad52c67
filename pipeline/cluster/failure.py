"""Why a step of a run on a cluster failed.

Kubeflow Pipelines (KFP) 2.17 does not say: `error` is empty on failed runs and tasks. So two others
are asked, if they can be reached from here: MLflow, where a step notes that data or settings are at
fault, and Kubernetes, which knows why a pod ended.
"""

import logging
import os
import re
from typing import Any

import kfp
from urllib3.exceptions import HTTPError

from components.errors import CaptionflowError
from components.runtime.retry_policy import failure_note

logger = logging.getLogger(__name__)

# Label of a run's pods (LabelKeyWorkflowRunId in KFP's backend/src/common/util/consts.go).
_RUN_LABEL = "pipeline/runid"
_NODE_NAME = "workflows.argoproj.io/node-name"
# The container of a pod that runs the step, as Argo calls it.
_MAIN = "main"
# Seconds to connect to Kubernetes, and to its answer.
_TIME_LIMITS = (5, 15)


def why_step_failed(client: kfp.Client, run_id: str, step: str) -> str:
    """Returns why a step failed; empty if that can't be found out from here.

    Args:
        client: Of `connect`.
        run_id: The run's id.
        step: The step's name.
    """
    return _noted(run_id, step) or _seen_by_kubernetes(_namespace(client), run_id, step)


def log_command(client: kfp.Client, run_id: str) -> str:
    """Returns the command that shows the last lines of each pod of a run."""
    return (
        f"kubectl logs --namespace {_namespace(client)} --selector {_RUN_LABEL}={run_id} "
        f"--container {_MAIN} --prefix --tail 20"
    )


def _namespace(client: kfp.Client) -> str:
    return client.get_user_namespace() or "kubeflow"


def _noted(run_id: str, step: str) -> str:
    if not os.environ.get("MLFLOW_TRACKING_URI", "").strip():
        return ""
    try:
        return failure_note(run_id, step)
    except CaptionflowError as error:
        logger.warning("MLflow can't be asked why %s failed: %s", step, error)
        return ""


def _seen_by_kubernetes(namespace: str, run_id: str, step: str) -> str:
    # Here, since it takes a while to load and only failures need it.
    from kubernetes.client import ApiClient, ApiException, Configuration, CoreV1Api
    from kubernetes.config import ConfigException, load_incluster_config, load_kube_config

    configuration = Configuration()
    configuration.retries = 0
    try:
        if "KUBERNETES_SERVICE_HOST" in os.environ:
            load_incluster_config(client_configuration=configuration)
        else:
            load_kube_config(client_configuration=configuration)
        with ApiClient(configuration) as api_client:
            pods = CoreV1Api(api_client).list_namespaced_pod(
                namespace,
                label_selector=f"{_RUN_LABEL}={run_id}",
                _request_timeout=_TIME_LIMITS,
            )
    except ConfigException:
        return ""  # There is no kube config: KFP is reached some other way.
    except (ApiException, HTTPError, OSError) as error:
        logger.warning("Kubernetes can't be asked why %s failed: %s", step, type(error).__name__)
        return ""
    attempts = [pod for pod in pods.items if step in _node_path(pod)]
    attempts.sort(key=lambda pod: pod.metadata.creation_timestamp, reverse=True)
    return next(filter(None, map(_end_of, attempts)), "")


def _node_path(pod: Any) -> list[str]:
    # Such as `captionflow-x7d2k.root.condition-1.train.executor(0)`: the first attempt of train.
    name = (pod.metadata.annotations or {}).get(_NODE_NAME, "")
    return re.sub(r"\(\d+\)", "", name).split(".")


def _end_of(pod: Any) -> str:
    for container in pod.status.container_statuses or []:
        ended = container.state and container.state.terminated
        if container.name == _MAIN and ended and ended.reason == "OOMKilled":
            return f"out of memory{_limit(pod)}; its needs stand in pipeline/kubernetes.py"
    # Kubernetes' own words, of an eviction or a node that was shut down.
    return " ".join((pod.status.message or "").split())


def _limit(pod: Any) -> str:
    for container in pod.spec.containers:
        limits = (container.resources and container.resources.limits) or {}
        if container.name == _MAIN and "memory" in limits:
            return f": it may use {limits['memory']}"
    return ""
