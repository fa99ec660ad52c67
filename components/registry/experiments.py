"""MLflow experiments: found by name, created on first use."""

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from components.errors import SettingError
from components.registry.client import (
    mlflow_client,
    printable_tracking_uri,
    sqlite_file,
    tracking_uri,
)
from components.registry.sqlite_store import ARTIFACTS

# MLflow's user interface then lists the experiment under "Model training".
_TAGS = {"mlflow.experimentKind": "custom_model_development"}


def experiment_identity(name: str, *, create: bool = True) -> str:
    """Returns a text that differs between experiments of the same name in different stores.

    Args:
        name: The experiment's name.
        create: Whether to create the experiment if there is none.

    Returns:
        Address, experiment id and creation time; empty if there is no experiment and `create` is
            false.

    Raises:
        SettingError: If the experiment was deleted.
        CaptionflowError: If MLflow can't be used.
    """
    with mlflow_client() as client:
        if not create and client.get_experiment_by_name(name) is None:
            return ""
        experiment = client.get_experiment(find_or_create(client, name))
    # Without credentials: a changed password does not make it another store.
    return f"{printable_tracking_uri()} {experiment.experiment_id} {experiment.creation_time}"


def runs_page(name: str) -> str:
    """Returns the path of an experiment's runs in MLflow's user interface, after its address.

    MLflow's list of experiments leads to pages about generative AI unless a person has chosen
    "Model training" before; this path does not.

    Args:
        name: The experiment, which must exist.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    with mlflow_client() as client:
        number = client.get_experiment_by_name(name).experiment_id
    return f"/#/experiments/{number}/runs?workflowType=machine_learning"


def find_or_create(client: MlflowClient, name: str) -> str:
    """Returns the id of an experiment, which is created if there is none.

    Raises:
        SettingError: If the experiment was deleted.
    """
    found = client.get_experiment_by_name(name)
    if found is None:
        # MLflow would put artifacts into the working directory.
        database = sqlite_file(tracking_uri())
        location = None if database is None else (database.parent / ARTIFACTS).as_uri()
        try:
            return str(client.create_experiment(name, location, _TAGS))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            # Another process has created it since.
            found = client.get_experiment_by_name(name)
    if found.lifecycle_stage != "active":
        raise SettingError(
            f"The MLflow experiment {name} was deleted. Restore it, or choose another name "
            "(--experiment)"
        )
    return str(found.experiment_id)
