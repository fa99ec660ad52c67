"""Promotions: which version became champion when, why and by whom; and rollbacks.

MLflow has no transactions, so a promotion takes two steps:

1. It is recorded as a tag of the registered model, which is never changed or removed (see
   `records`).
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
from components.registry.history import (
    PROMOTION_TAG,
    Action,
    Promotion,
    in_effect,
    read_history,
    recorded_champion,
)
from components.registry.models import CHAMPION, RegisteredModel, read_model
from components.registry.records import (
    append_record,
    current_author,
    next_number,
    shorten_reason,
)

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
    number = model.version(version).version
    if number == model.champion == recorded_champion(model.tags):
        return number
    if compared_with not in (None, model.champion or "") and number != model.champion:
        raise champion_changed(compared_with, model.champion)
    compared: Action = "approve" if approved else "register"
    action: Action = "promote" if compared_with is None else compared
    recorded, champion = _record(model, action, number, reason)
    if champion != number and recorded not in in_effect(read_history(read_model(model_name).tags)):
        raise champion_changed(compared_with, champion)
    return champion


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
    for each in in_effect(read_history(model.tags)):
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
    return _record(model, "rollback", earlier[-1], reason)[1]


def champion_changed(compared_with: str | None, champion: str | None) -> DataError:
    """Returns the error for a version that the gate compared with another champion."""
    then, now = (f"version {each}" if each else "no version" for each in (compared_with, champion))
    return DataError(
        f"The gate compared with {then}, but {now} is champion now: run the pipeline again"
    )


def reconcile_champion(client: MlflowClient, model_name: str) -> str:
    """Sets the alias `champion` to the version that the history names, and returns it.

    Raises:
        CaptionflowError: If another program keeps moving the alias.
    """
    return reconcile_alias(
        client,
        model_name,
        CHAMPION,
        lambda model: in_effect(read_history(model.tags))[-1].version,
    )


def _record(
    model: RegisteredModel, action: Action, version: str, reason: str
) -> tuple[Promotion, str]:
    promotion = Promotion(
        number=next_number(read_history(model.tags)),
        action=action,
        version=version,
        reason=shorten_reason(reason),
        author=current_author(),
    )
    with mlflow_client() as client:
        append_record(client, model.name, PROMOTION_TAG, promotion)
        champion = reconcile_champion(client, model.name)
        # A candidate that became champion no longer waits.
        reconcile_candidate(client, model.name)
        return promotion, champion


def _read_reconciled(model_name: str) -> RegisteredModel:
    """Reads a model when no promotion is in progress, or after `_WAIT_SECONDS`."""
    end = time.monotonic() + _WAIT_SECONDS
    while True:
        model = read_model(model_name)
        if recorded_champion(model.tags) in (None, model.champion) or time.monotonic() > end:
            return model
        time.sleep(0.1)
