"""TrainJobs of Kubeflow Trainer on the cluster in which this process runs."""

import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubernetes import client, config
from urllib3.exceptions import HTTPError

from components.errors import CaptionflowError, SettingError

logger = logging.getLogger(__name__)

PLURAL = "trainjobs"
# Where Kubernetes mounts the namespace of a pod.
_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_SECONDS_BETWEEN_LOOKS = 10.0
# Failed looks in a row after which waiting ends: 10 minutes.
_FAILED_LOOKS = 60
# Types of a TrainJob's conditions (pkg/apis/trainer/v1alpha1 of Kubeflow Trainer).
_COMPLETE = "Complete"
_ENDS = (_COMPLETE, "Failed")


def connect(group: str, version: str) -> "TrainJobs":
    """Returns the TrainJobs of the namespace in which this pod runs.

    Args:
        group: API group of Kubeflow Trainer.
        version: Version of that API.

    Raises:
        SettingError: If this process runs in no pod.
    """
    try:
        config.load_incluster_config()
        namespace = _NAMESPACE.read_text().strip()
    except (config.ConfigException, OSError) as error:
        raise SettingError(
            f"train_workers must be 1 outside of a cluster: there is no Kubernetes here ({error})"
        ) from error
    return TrainJobs(client.CustomObjectsApi(), (group, version, namespace))


class TrainJobs:
    """The TrainJobs of a namespace.

    Args:
        api: Kubernetes' client for custom objects.
        place: API group, version, and namespace.
        seconds: Time between two looks at a job.
    """

    def __init__(
        self, api: Any, place: tuple[str, str, str], seconds: float = _SECONDS_BETWEEN_LOOKS
    ) -> None:
        self._api = api
        self._place = (*place, PLURAL)
        self._seconds = seconds

    def run(self, manifest: Mapping[str, Any]) -> None:
        """Creates a job, and waits for its end.

        A job that failed stays, so that its logs can be read, until the pod of the step is deleted.

        Args:
            manifest: See `TrainJob.manifest`.

        Raises:
            SettingError: If the cluster refuses the job.
            CaptionflowError: If it failed, or Kubernetes no longer answers.
        """
        name = self._create(manifest)
        logger.info("Training in TrainJob %s: kubectl logs --selector %s", name, _pods(name))
        try:
            failure = self._wait(name)
        except KeyboardInterrupt:
            self._delete(name)
            raise
        if failure:
            raise CaptionflowError(
                f"TrainJob {name} failed: {failure}. See `kubectl logs --selector {_pods(name)}`"
            )

    def _create(self, manifest: Mapping[str, Any]) -> str:
        try:
            created = self._api.create_namespaced_custom_object(*self._place, manifest)
        except client.ApiException as error:
            raise SettingError(
                "train_workers above 1 needs Kubeflow Trainer and the manifests of infra/trainer "
                f"on the cluster. Kubernetes refused the TrainJob: {_reason(error)}"
            ) from error
        except HTTPError as error:
            raise CaptionflowError(f"Kubernetes must answer: {error}") from error
        return str(created["metadata"]["name"])

    def _wait(self, name: str) -> str:
        """Returns why a job failed; empty if it succeeded."""
        failed = 0
        while True:
            try:
                job = self._api.get_namespaced_custom_object(*self._place, name)
                failed = 0
            except (client.ApiException, HTTPError) as error:
                failed += 1
                if failed == _FAILED_LOOKS or getattr(error, "status", None) in (403, 404):
                    reason = _reason(error)
                    raise CaptionflowError(f"TrainJob {name} can't be read: {reason}") from error
                logger.warning("TrainJob %s can't be read: %s", name, _reason(error))
            else:
                for condition in job.get("status", {}).get("conditions", []):
                    if condition["status"] == "True" and condition["type"] in _ENDS:
                        return "" if condition["type"] == _COMPLETE else condition["message"]
            time.sleep(self._seconds)

    def _delete(self, name: str) -> None:
        try:
            self._api.delete_namespaced_custom_object(*self._place, name)
        except (client.ApiException, HTTPError) as error:
            logger.warning("TrainJob %s was not deleted: %s", name, _reason(error))


def _pods(name: str) -> str:
    return f"jobset.sigs.k8s.io/jobset-name={name}"


def _reason(error: Exception) -> str:
    body = getattr(error, "body", None)
    try:
        return str(json.loads(body)["message"]) if body else str(error)
    except (ValueError, KeyError, TypeError):
        return str(body)
