"""Permanent failures: recorded in MLflow, so that a cluster does not retry them.

Kubeflow Pipelines does not say why a step failed. So a step that fails because of its data or
settings records that in MLflow, where people find it; `submit --wait` shows it. On a cluster that
retries every failure (KFP configures Argo to retry lost pods only), the step's next attempt in the
same run finds the record and ends at once with the same error and exit code. Records count for half
an hour, longer than all retries take, so a run that is retried later, with repaired data,
continues.
"""

import logging
import os
from datetime import timedelta

from components.errors import CaptionflowError, DataError, SettingError

logger = logging.getLogger(__name__)

#: Environment variable with the id of the Kubeflow run; without it, nothing is recorded.
RUN_ID_VARIABLE = "KFP_RUN_ID"
#: The MLflow experiment of the records.
EXPERIMENT = "captionflow-failed-steps"

# Longer than the total back-off of the retries, see `pipeline.kubernetes`.
_MINUTES = 30
_MAX_RUN_AGE = timedelta(days=365)
_PERMANENT = {error.exit_code: error for error in (SettingError, DataError)}


def raise_permanent_failure(step: str) -> None:
    """Raises the error again if an earlier attempt of this step failed permanently.

    Raises:
        SettingError, DataError: With the message of the earlier attempt in this Kubeflow run.
    """
    run_id = os.environ.get(RUN_ID_VARIABLE)
    if not run_id:
        return
    from components.registry.events import find_event

    try:
        wanted = {"kfp_run_id": run_id, "step": step}
        record = find_event(EXPERIMENT, wanted, newer_than=timedelta(minutes=_MINUTES))
    except CaptionflowError as error:
        # A step that needs MLflow reports the failure itself.
        logger.warning("Could not look up earlier attempts of this step: %s", error)
        return
    if record:
        logger.info("Not retried: an earlier attempt in this run failed permanently")
        raise _PERMANENT[int(record["exit_code"])](record["error"])


def record_permanent_failure(step: str, error: CaptionflowError) -> None:
    """Records a failure that a retry can't fix; other failures may be retried."""
    run_id = os.environ.get(RUN_ID_VARIABLE)
    if not run_id or error.exit_code not in _PERMANENT:
        return
    from components.registry.events import record_event

    tags = {"kfp_run_id": run_id, "step": step}
    tags |= {"exit_code": str(error.exit_code), "error": str(error)[:5000]}
    try:
        record_event(EXPERIMENT, f"{step} failed", tags, "FAILED")
    except CaptionflowError as unreachable:
        logger.warning("Could not record this failure: %s", unreachable)


def failure_note(run_id: str, step: str) -> str:
    """Returns why a step of a Kubeflow run failed permanently; empty without a record.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    from components.registry.events import find_event

    wanted = {"kfp_run_id": run_id, "step": step}
    record = find_event(EXPERIMENT, wanted, newer_than=_MAX_RUN_AGE)
    return record["error"] if record else ""
