"""The status of a TrainJob of Kubeflow Trainer, and the reasons of Kubernetes' errors."""

import json
from collections.abc import Mapping
from typing import Any

#: Type of the condition of a TrainJob that succeeded (pkg/apis/trainer/v1alpha1).
COMPLETE = "Complete"
_ENDS = (COMPLETE, "Failed")


def job_end(job: Mapping[str, Any]) -> tuple[str, str] | None:
    """Returns how a job ended, and the message of a failure; None if it has not ended."""
    for condition in job.get("status", {}).get("conditions", []):
        if condition["status"] == "True" and condition["type"] in _ENDS:
            kind = condition["type"]
            return kind, "" if kind == COMPLETE else condition["message"]
    return None


def same_training(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Returns whether two jobs read the same artifacts and write the same model."""
    return bool(one["spec"]["trainer"]["args"] == other["spec"]["trainer"]["args"])


def error_reason(error: Exception) -> str:
    """Returns the reason in an error of Kubernetes' client."""
    body = getattr(error, "body", None)
    try:
        return str(json.loads(body)["message"]) if body else str(error)
    except (ValueError, KeyError, TypeError):
        return str(body)
