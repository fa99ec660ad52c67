"""Registered models, their versions, and the version that is champion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mlflow import MlflowClient, entities
from mlflow.exceptions import MlflowException

from components.errors import CaptionflowError, SettingError
from components.registry.client import mlflow_client, printable_tracking_uri

#: The alias of the version in use.
CHAMPION = "champion"
#: The tag of a version that holds its training config: data, encoder and settings.
TRAINING_CONFIG_TAG = "training_config"

# MLflow's limit of one request.
_MAX_MODELS = 1000


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version of a registered model.

    Attributes:
        version: Its number in MLflow, as text: "1", "2", …
        run_id: The MLflow run that trained it.
        tags: Its scores, training config, data fingerprints, and the gate's decision.
        created: When it was registered.
    """

    version: str
    run_id: str
    tags: Mapping[str, str]
    created: datetime


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A registered model.

    Attributes:
        name: Its name.
        aliases: The versions that have an alias, by alias.
        tags: The model's own tags, among them its promotion history.
        versions: All versions, newest first.
    """

    name: str
    aliases: Mapping[str, str]
    tags: Mapping[str, str]
    versions: Sequence[ModelVersion]

    @property
    def champion(self) -> str | None:
        """The version with the alias `champion`; None if no version has it."""
        return self.aliases.get(CHAMPION)

    def version(self, number: str) -> ModelVersion:
        """Returns a version.

        Raises:
            SettingError: If there is no such version.
        """
        for version in self.versions:
            if version.version == number:
                return version
        existing = ", ".join(version.version for version in self.versions) or "none"
        raise SettingError(f"{self.name} has no version {number}. Its versions are: {existing}")


def find_champion(model_name: str) -> ModelVersion | None:
    """Returns the version of a registered model that has the alias `champion`.

    Args:
        model_name: The registered model's name.

    Returns:
        None if no such model is registered, or none of its versions has the alias.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    with mlflow_client() as client:
        found = _find(client, model_name)
        if found is None or CHAMPION not in found.aliases:
            return None
        return _version(client.get_model_version(model_name, str(found.aliases[CHAMPION])))


def models_with_champion() -> list[str]:
    """Returns the names of all registered models that have a champion.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    with mlflow_client() as client:
        found = client.search_registered_models(max_results=_MAX_MODELS)
        return sorted(str(model.name) for model in found if CHAMPION in model.aliases)


def read_model(name: str | None = None) -> RegisteredModel:
    """Reads a registered model with all its versions.

    Args:
        name: The model; None: the only registered model.

    Raises:
        SettingError: If there is no such model, or there are several and `name` is None.
        CaptionflowError: If no model is registered, or MLflow can't be used.
    """
    if name is None:
        with mlflow_client() as client:
            return with_versions(client, _only_model(client))
    found = find_model(name)
    if found is None:
        raise SettingError(f"There is no model {name} in MLflow at {printable_tracking_uri()}")
    return found


def find_model(name: str) -> RegisteredModel | None:
    """Reads a registered model with all its versions; None if there is no such model.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    with mlflow_client() as client:
        found = _find(client, name)
        return None if found is None else with_versions(client, found)


def with_versions(
    client: MlflowClient, found: entities.model_registry.RegisteredModel
) -> RegisteredModel:
    """Returns a registered model that MLflow found, with all its versions."""
    versions = client.search_model_versions(f"name = '{found.name}'")
    return RegisteredModel(
        name=str(found.name),
        aliases={alias: str(number) for alias, number in found.aliases.items()},
        tags=dict(found.tags),
        versions=sorted(map(_version, versions), key=lambda v: int(v.version), reverse=True),
    )


def _find(client: MlflowClient, name: str) -> entities.model_registry.RegisteredModel | None:
    try:
        return client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def _only_model(client: MlflowClient) -> entities.model_registry.RegisteredModel:
    found = client.search_registered_models(max_results=_MAX_MODELS)
    if not found:
        raise CaptionflowError(
            f"No model is registered in MLflow at {printable_tracking_uri()} yet. Run "
            "`captionflow run`, or choose another work folder (--root) or MLflow "
            "(MLFLOW_TRACKING_URI)"
        )
    if len(found) > 1:
        names = ", ".join(sorted(str(model.name) for model in found))
        raise SettingError(f"There are several models: {names}. Choose one with --model")
    return found[0]


def _version(found: entities.model_registry.ModelVersion) -> ModelVersion:
    created = datetime.fromtimestamp(found.creation_timestamp / 1000, UTC)
    return ModelVersion(str(found.version), str(found.run_id or ""), dict(found.tags), created)
