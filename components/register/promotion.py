"""Makes a version champion, and takes that back; each time it is noted in MLflow, then done.

1. The promotion is noted in the registered model, see `components.register.history`.
2. The alias `champion` is set to the version that the last promotion names, and read back with
   the whole history, until both say the same.

MLflow has no lock, and needs none here: of several promotions at the same time each notes itself
first, and whoever sets the alias last still compares it with the history. So all are noted, and
the alias ends where the last of them that counts says, whoever was fastest.

What the gate let pass replaces only the champion that it was compared with. It is refused if
another is champion by now; of two at the same time the history says which counts.
"""

import getpass
import logging
import os
import socket
import time
from collections.abc import Callable

from mlflow import MlflowClient
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException

from components.errors import CaptionflowError, DataError
from components.platform.registry import CHAMPION
from components.platform.tracking import mlflow_client
from components.register.history import (
    Action,
    Promotion,
    Turn,
    counting,
    next_promotion,
    read_history,
    standing,
)
from components.register.versions import Released, champion_of, read_model, require_model

logger = logging.getLogger(__name__)

# How often the alias is set before its being moved by others counts as a fault.
_TRIES = 50
# How long a promotion under way may leave alias and history apart: looks, and seconds between.
_LOOKS = 6
_PAUSE = 0.5


def promote(
    model_name: str,
    version: str,
    *,
    why: str,
    action: Action = "promote",
    compared_with: str | None = None,
) -> str:
    """Makes a version champion, and notes that; nothing is done if it is champion already.

    Args:
        model_name: The registered model.
        version: The version, as MLflow counts.
        why: The reason, in words.
        action: What promotes it.
        compared_with: The only champion that it may replace, empty for none; None: any.

    Returns:
        The champion: this version, or the one that was promoted after it at the same time.

    Raises:
        SettingError: If there is no such model or version.
        DataError: If another than `compared_with` is champion by now.
        CaptionflowError: If MLflow can't be used.
    """
    model = read_model(model_name)
    number = model.version(version).number
    if compared_with is not None:
        # A promotion under way is waited for. If history and alias stay apart, something else moved
        # the alias or a promotion broke off: the alias is the champion, as it was for the gate.
        model = _looked_at(model_name, lambda model: model.decided in (model.champion, number))
        if model.champion != number:
            require_compared(model_name, model.champion, compared_with)
    if number == model.champion == model.decided:
        logger.info("version %s is champion already: nothing to do", number)
        return number
    noted = next_promotion(
        model.history,
        action=action,
        version=number,
        before=model.champion,
        why=why,
        by=_user(),
        compared_with=compared_with,
    )
    decided = _carry_out(model_name, noted)
    if decided != number and noted not in counting(read_model(model_name).history):
        raise _another(model_name, decided, noted.compared_with or "")
    return decided


def require_compared(model_name: str, champion: str | None, compared_with: str) -> None:
    """Checks that the champion is still the one that the gate compared with.

    Args:
        model_name: The registered model.
        champion: The version that is champion now; None if there is none.
        compared_with: The version that the gate compared with; empty if there was none.

    Raises:
        DataError: If it is another.
    """
    if (champion or "") != compared_with:
        raise _another(model_name, champion, compared_with)


def rollback(model_name: str, *, why: str = "") -> str:
    """Makes the champion before the present one champion again, and notes that.

    The next rollback goes further back; a promotion starts from where one is. Versions that were
    deleted since are passed over.

    Args:
        model_name: The registered model.
        why: The reason, in words; if empty, that the present champion is taken back.

    Returns:
        The champion: the version gone back to, or one that was promoted at the same time.

    Raises:
        SettingError: If there is no such model.
        CaptionflowError: If there is no champion or none before it, if the alias was moved by
            other means, or if MLflow can't be used.
    """
    model = _at_rest(model_name)
    turns = standing(model.history) or [Turn(model.champion or "", "")]
    present = turns[-1].version
    there = {version.number for version in model.versions}
    goals = [turn for turn in turns if turn.version != present and turn.version in there]
    if not goals:
        raise CaptionflowError(
            f"{model_name} has no champion before version {present} to go back to: "
            "promote makes any version champion"
        )
    noted = next_promotion(
        model.history,
        action="rollback",
        version=goals[-1].version,
        before=model.champion,
        why=why.strip() or f"version {present} is taken back",
        by=_user(),
        back_to=goals[-1].place,
    )
    return _carry_out(model_name, noted)


def _carry_out(model_name: str, promotion: Promotion) -> str:
    with mlflow_client() as client:
        client.set_registered_model_tag(model_name, *promotion.tag)
        return settle(client, model_name)


def settle(client: MlflowClient, model_name: str) -> str:
    """Lets the alias `champion` follow the history, which holds a promotion at least.

    Returns:
        The champion's version.

    Raises:
        CaptionflowError: If something else moves the alias again and again.
    """
    for _ in range(_TRIES):
        model = require_model(client, model_name)
        decided = counting(read_history(model.tags))[-1].version
        if champion_of(model) == decided:
            logger.info("version %s is champion now", decided)
            return decided
        try:
            client.set_registered_model_alias(model_name, CHAMPION, decided)
        except MlflowException as error:
            # Of two that make the alias at once, one finds it made by the other.
            if error.error_code != "BAD_REQUEST" or not _moved(client, model):
                raise
    raise CaptionflowError(
        f"The alias {CHAMPION} of {model_name} must stay where it was set, version {decided}: "
        "something else moves it again and again"
    )


def _moved(client: MlflowClient, model: RegisteredModel) -> bool:
    return champion_of(require_model(client, model.name)) != champion_of(model)


def _at_rest(model_name: str) -> Released:
    """Returns a model whose alias is where the history says."""
    model = _looked_at(model_name, lambda model: model.decided == model.champion)
    if model.decided is None:
        raise CaptionflowError(f"{model_name} has no champion yet: promote makes a version it")
    deleted = all(version.number != model.decided for version in model.versions)
    # With a version MLflow deletes its alias: then it is clear where to go back from.
    if model.champion != model.decided and not (deleted and model.champion is None):
        raise CaptionflowError(
            f"Of {model_name} {_named(model.champion)} has the alias {CHAMPION}, but the last "
            f"promotion is that of version {model.decided}: promote the one that is meant"
        )
    return model


def _looked_at(model_name: str, at_rest: Callable[[Released], bool]) -> Released:
    """Returns a model once it is at rest, or else as it is after some looks."""
    model = read_model(model_name)
    for _ in range(_LOOKS - 1):
        if at_rest(model):
            break
        time.sleep(_PAUSE)
        model = read_model(model_name)
    return model


def _another(model_name: str, champion: str | None, compared_with: str) -> DataError:
    return DataError(
        f"The champion of {model_name} must still be what the gate compared with, "
        f"{_named(compared_with)}: run the pipeline again, which takes up from here. "
        f"Received: {_named(champion)}"
    )


def _named(version: str | None) -> str:
    return f"version {version}" if version else "no version"


def _user() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        # A container's user need not have a name.
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"
