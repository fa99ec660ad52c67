"""Finds out why a step of a run on a cluster failed.

Kubeflow Pipelines (KFP) 2.17 does not report it: `error` is empty on failed runs and tasks. So two
other sources are consulted, if this machine can reach them: MLflow, where a step records errors in
its data or settings, and Kubernetes, which knows why a pod was terminated.
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
# Argo's name for the container that runs the step.
_MAIN = "main"
# Seconds to connect to Kubernetes, and to receive a response.
_TIMEOUTS = (5, 15)


def why_step_failed(client: kfp.Client, run_id: str, step: str) -> str:
    """Returns why a step failed; empty if neither MLflow nor Kubernetes can tell.

    Args:
        client: A client that `connect` returned.
        run_id: The run's id.
        step: The step's name.
    """
    return _recorded_in_mlflow(run_id, step) or _reported_by_kubernetes(
        _namespace(client), run_id, step
    )


def log_command(client: kfp.Client, run_id: str) -> str:
    """Returns the command that shows the last lines of each pod of a run."""
    return (
        f"kubectl logs --namespace {_namespace(client)} --selector {_RUN_LABEL}={run_id} "
        f"--container {_MAIN} --prefix --tail 20"
    )


def _namespace(client: kfp.Client) -> str:
    return client.get_user_namespace() or "kubeflow"


def _recorded_in_mlflow(run_id: str, step: str) -> str:
    if not os.environ.get("MLFLOW_TRACKING_URI", "").strip():
        return ""
    try:
        return failure_note(run_id, step)
    except CaptionflowError as error:
        logger.warning("Can't look up in MLflow why %s failed: %s", step, error)
        return ""


def _reported_by_kubernetes(namespace: str, run_id: str, step: str) -> str:
    # Imported late, since it loads slowly and only failures need it.
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
                _request_timeout=_TIMEOUTS,
            )
    except ConfigException:
        return ""  # There is no kube config; KFP is reached in another way.
    except (ApiException, HTTPError, OSError) as error:
        logger.warning("Can't look up in Kubernetes why %s failed: %s", step, type(error).__name__)
        return ""
    attempts = [pod for pod in pods.items if step in _node_path(pod)]
    attempts.sort(key=lambda pod: pod.metadata.creation_timestamp, reverse=True)
    return next(filter(None, map(_termination_reason, attempts)), "")


def _node_path(pod: Any) -> list[str]:
    # Such as `captionflow-x7d2k.root.condition-1.train.executor(0)`: the first attempt of train.
    name = (pod.metadata.annotations or {}).get(_NODE_NAME, "")
    return re.sub(r"\(\d+\)", "", name).split(".")


def _termination_reason(pod: Any) -> str:
    for container in pod.status.container_statuses or []:
        terminated = container.state and container.state.terminated
        if container.name == _MAIN and terminated and terminated.reason == "OOMKilled":
            return f"out of memory{_memory_limit(pod)}; raise the limit in pipeline/kubernetes.py"
    # Kubernetes' own message about an eviction or a node that was shut down.
    return " ".join((pod.status.message or "").split())


def _memory_limit(pod: Any) -> str:
    for container in pod.spec.containers:
        limits = (container.resources and container.resources.limits) or {}
        if container.name == _MAIN and "memory" in limits:
            return f" (limit {limits['memory']})"
    return ""
