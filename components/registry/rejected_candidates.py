"""Rejected candidates: models that the gate did not release, recorded in MLflow.

A run with the same training config and the same thresholds against the same champion would be
rejected again, so `trigger` skips it. Training is not reproducible to the last digit everywhere,
so without this record every repetition would also be another chance to pass by luck.
"""

from components.artifacts.fingerprint import fingerprint_value
from components.registry.client import mlflow_client
from components.registry.events import find_event, record_event

_TAG = "rejected_candidate"


def candidate_key(
    training_config: str, champion: str, *, model_name: str, floors: str, margin: float
) -> str:
    """Returns a fingerprint of all that a rejection depends on, 64 hex digits.

    Args:
        training_config: What the candidate was trained from, an output of `trigger`.
        champion: The version that it was compared with.
        model_name: The registered model.
        floors: The gate's thresholds.
        margin: The gate's margin.
    """
    return fingerprint_value([training_config, champion, model_name, floors, margin])


def record_rejected_candidate(experiment: str, key: str, reason: str) -> None:
    """Records a rejection as an event named `not registered`.

    Args:
        experiment: The MLflow experiment.
        key: The candidate, from `candidate_key`.
        reason: The gate's reason, for people.

    Raises:
        SettingError: If the experiment was deleted.
        CaptionflowError: If MLflow can't be used.
    """
    record_event(experiment, "not registered", {_TAG: key, "reason": reason})


def find_rejected_candidate(experiment: str, key: str) -> str:
    """Returns why the same candidate was rejected before; empty if it was not.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    found = find_event(experiment, {_TAG: key})
    return found["reason"] if found else ""


def last_rejection(model_name: str) -> str:
    """Returns the gate's reason in the newest training run that it rejected; empty if none.

    Args:
        model_name: The registered model that the training was for.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    with mlflow_client() as client:
        experiments = [each.experiment_id for each in client.search_experiments()]
        # Newest first. The name may hold quotes, which MLflow's filters can't express.
        for run in client.search_runs(experiments, "tags.gate_passed = 'false'"):
            if run.data.tags.get("model_name") == model_name:
                return str(run.data.tags["gate_reason"])
    return ""
