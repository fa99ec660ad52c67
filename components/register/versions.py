"""A registered model and its versions, as MLflow's registry has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException

from components.errors import CaptionflowError, SettingError
from components.platform.registry import CHAMPION
from components.platform.tracking import mlflow_client, tracking_uri, without_credentials
from components.register.history import Promotion, counting, read_history

# MLflow's own limit; who has more models than that names one.
_MODELS = 1000


@dataclass(frozen=True, slots=True)
class Version:
    """A registered version, and all that is noted of it.

    Attributes:
        number: As MLflow counts: "1", "2", …
        registered: When.
        run_id: The MLflow run that trained it.
        tags: Its scores, what they were measured on, what it was made of, the gate's decision.
    """

    number: str
    registered: datetime
    run_id: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Released:
    """A registered model.

    Attributes:
        name: Its name.
        champion: The version with the alias `champion`; None if no version has it.
        versions: All versions, the newest first.
        history: All promotions in their order, the last at the end.
    """

    name: str
    champion: str | None
    versions: Sequence[Version]
    history: Sequence[Promotion]

    @property
    def decided(self) -> str | None:
        """The version that the history names as champion; before any was noted, the alias."""
        return counting(self.history)[-1].version if self.history else self.champion

    def version(self, number: str) -> Version:
        """Returns a version.

        Raises:
            SettingError: If there is no such version.
        """
        for version in self.versions:
            if version.number == number:
                return version
        known = ", ".join(version.number for version in self.versions) or "none yet"
        raise SettingError(
            f"version must be one of {self.name}'s, which has {known}. Received: {number}"
        )


def find_model(name: str | None = None) -> str:
    """Returns the name of a registered model: the one that is asked for, or else the only one.

    Raises:
        SettingError: If there is no such model; or several, and none was named.
        CaptionflowError: If no model is registered, or MLflow can't be used.
    """
    with mlflow_client() as client:
        if name:
            return str(require_model(client, name).name)
        found = client.search_registered_models(max_results=_MODELS)
    known = sorted(str(model.name) for model in found)
    if not known:
        raise CaptionflowError(
            f"No model is registered in {without_credentials(tracking_uri())} yet: run the "
            "pipeline, or name another work folder (--root) or MLflow (MLFLOW_TRACKING_URI)"
        )
    if len(known) > 1:
        raise SettingError(f"model must be named, one of {', '.join(known)}. Received: nothing")
    return known[0]


def read_model(name: str) -> Released:
    """Reads a registered model with all its versions and promotions.

    Raises:
        SettingError: If there is no such model.
        CaptionflowError: If MLflow can't be used.
    """
    with mlflow_client() as client:
        model = require_model(client, name)
        found = client.search_model_versions(f"name = '{name}'")
    versions = sorted(map(_version, found), key=lambda each: int(each.number), reverse=True)
    return Released(name, champion_of(model), versions, read_history(model.tags))


def champion_of(model: RegisteredModel) -> str | None:
    """Returns the version with the alias `champion`; None if no version has it."""
    number = model.aliases.get(CHAMPION)
    return None if number is None else str(number)


def require_model(client: MlflowClient, name: str) -> RegisteredModel:
    """Returns a registered model.

    Raises:
        SettingError: If there is no such model.
    """
    try:
        return client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise SettingError(
            f"model must be registered in {without_credentials(tracking_uri())}. Received: {name}"
        ) from error


def _version(found: ModelVersion) -> Version:
    registered = datetime.fromtimestamp(found.creation_timestamp / 1000, UTC)
    return Version(str(found.version), registered, str(found.run_id or ""), dict(found.tags))
