"""Promotions: which version became champion when, why and by whom; and rollbacks.

A promotion takes two steps:

1. It is recorded as a tag of the registered model (see `records`).
2. The alias `champion` is set to the last promotion's version, and both are read until they agree.

No promotion is lost, and the process that sets the alias last has read all earlier promotions, so
there is one champion. A version that passed the gate was compared with one champion and may replace
no other: of promotions with the same number, made at the same time, it must be the first.
"""

import time

from mlflow import MlflowClient

from components.errors import CaptionflowError, DataError
from components.registry.aliases import reconcile_alias
from components.registry.candidacy import reconcile_candidate
from components.registry.client import mlflow_client
from components.registry.history import Action, Promotion, in_effect, recorded_champion
from components.registry.models import CHAMPION, RegisteredModel, read_model
from components.registry.records import append_record, new_record

_WAIT_SECONDS = 3.0  # for another promotion to set the alias


def promote(
    model_name: str,
    version: str,
    *,
    reason: str,
    compared_with: str | None = None,
    approved: bool = False,
) -> str:
    """Makes a version champion; nothing is recorded if it is champion already.

    Args:
        model_name: The registered model.
        version: The version.
        reason: Why.
        compared_with: For a version that passed the gate, the champion that it was compared with,
            empty if there was none; None: any champion is replaced.
        approved: Whether a person approved a version that passed the gate.

    Returns:
        The champion: this version, or one that was promoted at the same time.

    Raises:
        SettingError: If there is no such model or version.
        DataError: If the champion is no longer `compared_with`.
        CaptionflowError: If MLflow can't be used.
    """
    model = _read_reconciled(model_name)
    model.version(version)  # must exist
    if version == model.champion == recorded_champion(model.tags):
        return version
    if compared_with not in (None, model.champion or "") and version != model.champion:
        raise champion_changed(compared_with, model.champion, version)
    compared: Action = "approve" if approved else "register"
    action: Action = "promote" if compared_with is None else compared
    return _record(model, action, version, reason, compared_with)


def rollback(model_name: str, *, reason: str = "") -> str:
    """Makes the previous champion champion again; the next rollback goes back one step further.

    Args:
        model_name: The registered model.
        reason: Why.

    Returns:
        The champion: the previous one, or a version that was promoted at the same time.

    Raises:
        SettingError: If there is no such model.
        CaptionflowError: If no previous champion exists, or MLflow can't be used.
    """
    model = _read_reconciled(model_name)
    line: list[str] = []
    for each in in_effect(model.tags):
        if each.action == "rollback" and each.version in line:
            while line[-1] != each.version:
                line.pop()
        else:
            line.append(each.version)
    possible = {version.version for version in model.versions} - {model.champion}
    earlier = [version for version in line if version in possible]
    if not earlier:
        raise CaptionflowError(
            f"{model_name} has no earlier champion. Choose one with `captionflow models promote`"
        )
    reason = reason or f"version {model.champion} rolled back"
    return _record(model, "rollback", earlier[-1], reason)


def champion_changed(
    compared_with: str | None, champion: str | None, version: str = ""
) -> DataError:
    """Returns the error for a model that the gate compared with a champion that is none any more.

    Args:
        compared_with: The version that it was compared with; empty if there was no champion.
        champion: The champion now; None if there is none.
        version: The model's own version; empty if it is not registered.
    """
    then, now = (f"version {each}" if each else "no version" for each in (compared_with, champion))
    model = f"version {version}" if version else "this model"
    without = f", or promote it anyway: `captionflow models promote {version} --why …`"
    return DataError(
        f"The gate compared {model} with {then}, but {now} is champion now. Run the pipeline again "
        f"for a new comparison (finished steps are reused){without if version else ''}"
    )


def reconcile_aliases(client: MlflowClient, model_name: str) -> str:
    """Moves the aliases to the versions that the records name, and returns the champion.

    Raises:
        CaptionflowError: If another program keeps moving an alias.
    """
    champion = reconcile_alias(
        client, model_name, CHAMPION, lambda model: in_effect(model.tags)[-1].version
    )
    # A candidate that became champion no longer waits.
    reconcile_candidate(client, model_name)
    return champion


def _record(
    model: RegisteredModel,
    action: Action,
    version: str,
    reason: str,
    compared_with: str | None = None,
) -> str:
    promotion = new_record(Promotion, model.tags, version=version, reason=reason, action=action)
    with mlflow_client() as client:
        append_record(client, model.name, promotion)
        champion = reconcile_aliases(client, model.name)
    if champion != version and promotion not in in_effect(read_model(model.name).tags):
        raise champion_changed(compared_with, champion, version)
    return champion


def _read_reconciled(model_name: str) -> RegisteredModel:
    """Reads a model when no promotion is in progress, or after `_WAIT_SECONDS`."""
    end = time.monotonic() + _WAIT_SECONDS
    while True:
        model = read_model(model_name)
        if recorded_champion(model.tags) in (None, model.champion) or time.monotonic() > end:
            return model
        time.sleep(0.1)
