"""Moves an alias of a registered model to the version that the model's records name."""

from collections.abc import Callable
from typing import TypeVar

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from components.errors import CaptionflowError
from components.registry.models import RegisteredModel, with_versions

_Version = TypeVar("_Version", bound=str | None)

# Maximum number of reads, each followed by an attempt to move the alias.
_MOST_READS = 20


def reconcile_alias(
    client: MlflowClient,
    model_name: str,
    alias: str,
    wanted: Callable[[RegisteredModel], _Version],
) -> _Version:
    """Moves an alias until the records and the alias agree; reads both again after each attempt.

    Other processes may add records and move the alias at the same time. The process that moves it
    last has read all records.

    Args:
        client: MLflow's client.
        model_name: The registered model.
        alias: The alias.
        wanted: Returns the version that is to have the alias; None to remove it.

    Returns:
        The version that `wanted` returned last, which has the alias.

    Raises:
        CaptionflowError: If another program keeps moving the alias.
    """
    for attempt in range(_MOST_READS):
        model = with_versions(client, client.get_registered_model(model_name))
        version = wanted(model)
        if model.aliases.get(alias) == version:
            return version
        try:
            if version is None:
                client.delete_registered_model_alias(model_name, alias)
            else:
                client.set_registered_model_alias(model_name, alias, version)
        except MlflowException as error:
            # If two processes create the alias at once, MLflow lets one fail.
            if error.error_code != "BAD_REQUEST" or attempt > 2:
                raise
    raise CaptionflowError(f"Another program keeps moving the alias {alias} of {model_name}")
