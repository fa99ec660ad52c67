"""TrainJobs of Kubeflow Trainer on the cluster in which this process runs."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from kubernetes import client, config
from urllib3.exceptions import HTTPError

from components.errors import CaptionflowError, SettingError
from components.train.cluster.job_status import COMPLETE, error_reason, job_end, same_training

logger = logging.getLogger(__name__)

PLURAL = "trainjobs"
# Where Kubernetes mounts the namespace of a pod.
_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_SECONDS_BETWEEN_LOOKS = 10.0
# Seconds for which Kubernetes may fail to answer, or a deleted job may take to end.
_PATIENCE = 600.0
# Seconds after which a request without an answer has failed; urllib3 repeats a read three times.
_TIMEOUT = 15.0
# HTTP statuses that a retry can't help; others, such as 429 or 503, are transient.
_REFUSED = (400, 401, 403, 404, 422)
_FORBIDDEN, _MISSING, _CONFLICT = 403, 404, 409
# Annotation that identifies the call of `TrainJobs.run` that created a job.
_CREATOR = "captionflow/creator"


def connect(group: str, version: str) -> "TrainJobs":
    """Returns the TrainJobs of the namespace in which this pod runs.

    Args:
        group: API group of Kubeflow Trainer.
        version: Version of that API.

    Raises:
        SettingError: If this process does not run in a pod.
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
        seconds: Seconds between two queries of a job's status.
        patience: Seconds for which Kubernetes may fail to answer, or a deleted job may take to end.
        timeout: Seconds after which a request without an answer has failed.
    """

    def __init__(
        self,
        api: Any,
        place: tuple[str, str, str],
        *,
        seconds: float = _SECONDS_BETWEEN_LOOKS,
        patience: float = _PATIENCE,
        timeout: float = _TIMEOUT,
    ) -> None:
        self._api = api
        self._place = (*place, PLURAL)
        self._seconds = seconds
        self._patience = patience
        # To connect and to read; the client ignores a single float.
        self._timeout = (timeout, timeout)

    def run(self, manifest: Mapping[str, Any]) -> None:
        """Creates a job, and waits for its end.

        If there is already a job of that name, an earlier attempt of the step left it. If that job
        has written the same model, nothing is left to do. Otherwise the new job replaces it once
        all its pods have ended, so that no two jobs write the same checkpoint.

        A failed job is kept until the pod of the step is deleted, so that its logs can be read. A
        job whose status can no longer be read is deleted.

        Args:
            manifest: See `TrainJob.manifest`.

        Raises:
            SettingError: If the cluster refuses the job.
            CaptionflowError: If the job failed, or Kubernetes does not answer.
        """
        name, creator = manifest["metadata"]["name"], uuid4().hex
        metadata = {**manifest["metadata"], "annotations": {_CREATOR: creator}}
        try:
            uid = self._create(name, {**manifest, "metadata": metadata})
        except KeyboardInterrupt:
            self._delete_unanswered(creator, name)
            raise
        logger.info("Training in TrainJob %s: %s", name, _logs(name))
        try:
            failure = self._wait(name, uid)
        except KeyboardInterrupt:
            self._delete(name, uid)
            raise
        except CaptionflowError as error:
            raise CaptionflowError(f"{error}{self._delete(name, uid)}") from error
        if failure:
            raise CaptionflowError(f"TrainJob {name} failed: {failure}")

    def _create(self, name: str, manifest: Mapping[str, Any]) -> str:
        """Returns the id of a new job, or of one that has already written the same model."""
        uid = self._post(name, manifest)
        if uid is None:
            existing = self._read(name)
            if (
                existing
                and same_training(existing, manifest)
                and job_end(existing) == (COMPLETE, "")
            ):
                return str(existing["metadata"]["uid"])
            self._remove(name)
            uid = self._post(name, manifest)
        if uid is None:
            raise CaptionflowError(f"TrainJob {name} was just created by another attempt")
        return uid

    def _post(self, name: str, manifest: Mapping[str, Any]) -> str | None:
        """Returns the id of a new job; None if another attempt's job of that name exists."""
        creator = manifest["metadata"]["annotations"][_CREATOR]
        give_up = time.monotonic() + self._patience
        unanswered = False
        while True:
            try:
                created = self._api.create_namespaced_custom_object(
                    *self._place, manifest, _request_timeout=self._timeout
                )
                return str(created["metadata"]["uid"])
            except (client.ApiException, HTTPError) as error:
                status, reason = getattr(error, "status", None), error_reason(error)
                if status == _CONFLICT:
                    # An earlier request may have created the job, and only its answer was lost.
                    return self._created_by(creator, name) if unanswered else None
                if status in _REFUSED:
                    raise SettingError(
                        "train_workers above 1 needs Kubeflow Trainer and the manifests of "
                        f"infra/trainer on the cluster. Kubernetes refused the TrainJob: {reason}"
                    ) from error
                if time.monotonic() >= give_up:
                    remains = self._delete_unanswered(creator, name)
                    raise CaptionflowError(
                        f"Kubernetes must create TrainJob {name}: {reason}{remains}"
                    ) from error
                logger.warning("TrainJob %s can't be created yet: %s", name, reason)
            unanswered = True
            time.sleep(self._seconds)

    def _created_by(self, creator: str, name: str) -> str | None:
        """Returns the id of the existing job if this call of `run` created it."""
        existing = self._read(name)
        annotations = existing["metadata"].get("annotations", {}) if existing else {}
        return str(existing["metadata"]["uid"]) if annotations.get(_CREATOR) == creator else None

    def _delete_unanswered(self, creator: str, name: str) -> str:
        """Deletes the job if a request of this call of `run` created it; returns as `_delete`."""
        try:
            created = self._created_by(creator, name)
        except CaptionflowError as error:
            return f". It may have been created anyway: {error}"
        return self._delete(name, created) if created else ""

    def _remove(self, name: str) -> None:
        """Deletes the job of an earlier attempt, and waits until its pods have ended."""
        logger.info("TrainJob %s of an earlier attempt of this step is being replaced", name)
        give_up = time.monotonic() + self._patience
        while existing := self._read(name):
            if time.monotonic() >= give_up:
                raise CaptionflowError(
                    f"TrainJob {name} of an earlier attempt must end before this one starts, but "
                    f"still exists after {self._patience:.0f} s: see `kubectl describe trainjob "
                    f"{name}`"
                )
            self._delete(name, existing["metadata"]["uid"])
            time.sleep(self._seconds)

    def _wait(self, name: str, uid: str) -> str:
        """Returns why a job failed; empty if it succeeded."""
        while True:
            job = self._read(name)
            if not job:
                return "it was deleted"
            if job["metadata"]["uid"] != uid:
                return "another attempt of this step has replaced it"
            if end := job_end(job):
                kind, message = end
                return "" if kind == COMPLETE else f"{message}. See `{_logs(name)}`"
            time.sleep(self._seconds)

    def _read(self, name: str) -> Any:
        """Returns a job, None if there is none; waits while Kubernetes does not answer."""
        give_up = time.monotonic() + self._patience
        while True:
            try:
                return self._api.get_namespaced_custom_object(
                    *self._place, name, _request_timeout=self._timeout
                )
            except (client.ApiException, HTTPError) as error:
                status, reason = getattr(error, "status", None), error_reason(error)
                if status == _MISSING:
                    return None
                if status == _FORBIDDEN or time.monotonic() >= give_up:
                    raise CaptionflowError(f"TrainJob {name} can't be read: {reason}") from error
                logger.warning("TrainJob %s can't be read: %s", name, reason)
            time.sleep(self._seconds)

    def _delete(self, name: str, uid: str) -> str:
        """Deletes a job; Kubernetes keeps it until its pods have ended.

        Args:
            name: The job's name.
            uid: The job's id, so that a later attempt's job is not deleted.

        Returns:
            A clause for an error message if the job may still be running; otherwise empty.
        """
        body = {"propagationPolicy": "Foreground", "preconditions": {"uid": uid}}
        try:
            self._api.delete_namespaced_custom_object(
                *self._place, name, body=body, _request_timeout=self._timeout
            )
        except (client.ApiException, HTTPError) as error:
            # No such job, or the job has another id.
            if getattr(error, "status", None) in (_MISSING, _CONFLICT):
                return ""
            reason = error_reason(error)
            logger.warning("TrainJob %s was not deleted: %s", name, reason)
            return (
                f". It may still be running, since it can't be deleted ({reason}): use "
                f"`kubectl delete trainjob {name}`"
            )
        return ""


def _logs(name: str) -> str:
    return f"kubectl logs --selector jobset.sigs.k8s.io/jobset-name={name}"
