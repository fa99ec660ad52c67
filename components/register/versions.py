"""Versions of a registered model in MLflow: finds that of a training run, or creates a new one."""

import json

from mlflow import MlflowClient, entities
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS, MLFLOW_RUN_NOTE

from components.register.tags import DECODING

# The registered model's description.
_ABOUT = (
    "Captions photos. Trained, scored and released by captionflow: a version becomes `champion` "
    "only if it passes the gate. Each version's page is its model card; `captionflow models list` "
    "shows the history."
)
# The logged model's description.
_LOGGED = (
    "This is version {version} of [{name}](#/models/{name}/versions/{version}), which has the "
    "model card. captionflow registered it after it had passed the gate. **Please do not register "
    "it again here**: use `captionflow models promote {version}` to make it champion."
)


def find_version(
    client: MlflowClient, model_name: str, run_id: str, tags: dict[str, str]
) -> entities.model_registry.ModelVersion | None:
    """Returns the newest ready version of a training run with the same decoding settings."""
    found = client.search_model_versions(
        f"name = '{model_name}' and run_id = '{run_id}'", order_by=["version_number DESC"]
    )
    for version in found:
        same = all(version.tags.get(name) == tags[name] for name in DECODING)
        if same and version.status == "READY":
            return version
    return None


def create_version(
    client: MlflowClient,
    model_name: str,
    run_id: str,
    model_id: str,
    tags: dict[str, str],
    card: str,
) -> entities.model_registry.ModelVersion:
    """Creates a version of a logged model, and the registered model if there is none.

    Args:
        client: MLflow.
        model_name: The registered model.
        run_id: The training run.
        model_id: The logged model.
        tags: The version's tags.
        card: The version's description, its model card.
    """
    try:
        client.create_registered_model(model_name, description=_ABOUT)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    # In one request, so that no version is ever without its scores and card.
    version = client.create_model_version(
        model_name, f"models:/{model_id}", run_id, tags=tags, description=card, model_id=model_id
    )
    # A server sets the first tag itself. Without it, the logged model's page says that it is not
    # registered. The other is the description on that page.
    link = [{"name": model_name, "version": version.version}]
    client.set_logged_model_tags(
        model_id,
        {
            MLFLOW_MODEL_VERSIONS: json.dumps(link),
            MLFLOW_RUN_NOTE: _LOGGED.format(name=model_name, version=version.version),
        },
    )
    return version
