"""Tags that link a training's MLflow run with its run on Kubeflow Pipelines (KFP)."""

import json
import logging
import os
from datetime import timedelta
from urllib.parse import quote

from components.runtime.retry_policy import RUN_ID_VARIABLE

logger = logging.getLogger(__name__)

#: Time limit of a whole KFP run; nothing of a run that is older is still running.
MAX_RUN_AGE = timedelta(hours=72)
#: Tag of an MLflow run with the id of its KFP run.
RUN_ID_TAG = "kfp.pipeline_run_id"
#: Environment variable with the address of KFP's user interface, from the ConfigMap `captionflow`.
UI_URL_VARIABLE = "KFP_UI_URL"
#: Environment variables with the name and the id of a step's pod.
POD_VARIABLE, POD_ID_VARIABLE = "POD_NAME", "POD_UID"
# KFP's own MLflow plugin, if it is enabled, sets it in every container of a run: a JSON object
# (MLflowRuntimeConfig in backend/src/common/plugins/mlflow/config.go of KFP 2.17).
_PLUGIN_VARIABLE = "KFP_MLFLOW_CONFIG"


def kubeflow_tags(run_name: str) -> dict[str, str]:
    """Returns the tags of an MLflow run that belongs to a KFP run; none outside of KFP.

    Id and address of the KFP run have the names that KFP's plugin gives them (`BuildKFPTags` in
    backend/src/apiserver/plugins/mlflow/run_start.go), so that one search finds the plugin's runs
    and ours. If the plugin has created a run for the KFP run in the same MLflow, it becomes the
    parent of ours.

    Args:
        run_name: The KFP run's name in its user interface.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    run_id = os.environ.get(RUN_ID_VARIABLE)
    if not run_id:
        return {}
    tags = {RUN_ID_TAG: run_id, "kfp.pipeline_run_name": run_name}
    if address := os.environ.get(UI_URL_VARIABLE, "").strip():
        tags["kfp.pipeline_run_url"] = f"{address.rstrip('/')}/#/runs/details/{quote(run_id)}"
    if parent := _plugin_run():
        tags["mlflow.parentRunId"] = parent
    return tags


def _plugin_run() -> str:
    """Returns the MLflow run that the plugin created for the KFP run; empty if there is none."""
    text = os.environ.get(_PLUGIN_VARIABLE)
    if not text:
        return ""
    try:
        parent = str(json.loads(text)["parentRunId"])
    except (ValueError, KeyError, TypeError) as error:
        logger.warning("Can't read the parent run from %s: %r", _PLUGIN_VARIABLE, error)
        return ""
    # Imported late: MLflow loads slowly, and most runs have no such parent.
    from components.registry.runs import run_exists

    if not parent or not run_exists(parent):
        # The plugin may write to another MLflow server.
        logger.warning(
            "KFP's MLflow run %r is not in this MLflow; it will not be the parent", parent
        )
        return ""
    return parent
