"""Says why a step of a Kubeflow run failed for good, and keeps a cluster from repeating it.

Kubeflow Pipelines does not say why a step failed. So a step whose data or settings are at fault
leaves a note in MLflow: people find it there, and `submit --wait` shows it. On a cluster that
retries every failure (KFP itself sets up Argo to retry only lost pods) the step's next attempt in
the same run finds the note and ends at once with the same error and exit code. For that it counts
for half an hour, in which all retries come: whoever mends the data and retries the run later is not held up.
"""

import logging
import os
from datetime import timedelta

from components.errors import CaptionflowError, DataError, SettingError

logger = logging.getLogger(__name__)

#: Holds the id of the Kubeflow run in a step's pod; elsewhere it is not set, and nothing is noted.
RUN_ID_VARIABLE = "KFP_RUN_ID"
#: The MLflow experiment of the notes.
EXPERIMENT = "captionflow-failed-steps"

# Longer than the pauses between retries take together, see `pipeline.kubernetes`.
_MINUTES = 30
_AS_LONG_AS_KUBEFLOW_RUNS = timedelta(days=365)
_FINAL = {error.exit_code: error for error in (SettingError, DataError)}


def raise_permanent_failure(step: str) -> None:
    """Ends a step whose earlier attempt in this Kubeflow run failed for good.

    Raises:
        SettingError, DataError: With the message of that attempt.
    """
    run_id = os.environ.get(RUN_ID_VARIABLE)
    if not run_id:
        return
    from components.registry.events import find_event

    try:
        wanted = {"kfp_run_id": run_id, "step": step}
        note = find_event(EXPERIMENT, wanted, newer_than=timedelta(minutes=_MINUTES))
    except CaptionflowError as error:
        # A step that needs MLflow is going to say so by itself.
        logger.warning("whether an earlier attempt failed for good is unknown: %s", error)
        return
    if note:
        logger.info("an attempt just now failed for good: not trying again")
        raise _FINAL[int(note["exit_code"])](note["error"])


def record_permanent_failure(step: str, error: CaptionflowError) -> None:
    """Notes a failure that another attempt can't mend; other failures may be tried again."""
    run_id = os.environ.get(RUN_ID_VARIABLE)
    if not run_id or error.exit_code not in _FINAL:
        return
    from components.registry.events import record_event

    tags = {"kfp_run_id": run_id, "step": step}
    tags |= {"exit_code": str(error.exit_code), "error": str(error)[:5000]}
    try:
        record_event(EXPERIMENT, f"{step} failed", tags, "FAILED")
    except CaptionflowError as unreachable:
        logger.warning("this failure could not be noted: %s", unreachable)


def failure_note(run_id: str, step: str) -> str:
    """Returns why a step of a Kubeflow run failed for good; empty if nothing is noted.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    from components.registry.events import find_event

    wanted = {"kfp_run_id": run_id, "step": step}
    note = find_event(EXPERIMENT, wanted, newer_than=_AS_LONG_AS_KUBEFLOW_RUNS)
    return note["error"] if note else ""
