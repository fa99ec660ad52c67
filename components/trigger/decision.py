"""Decides whether to train: only if something is otherwise than when the champion was made."""

import logging
from typing import NamedTuple

from components.registry.events import record_event
from components.registry.models import TRAINING_CONFIG_TAG, ModelVersion, find_champion
from components.registry.rejected_candidates import candidate_key, find_rejected_candidate
from components.trigger.training_config import TrainingConfig

logger = logging.getLogger(__name__)


class Reason(NamedTuple):
    """Whether to train, and why or why not, in words."""

    train: bool
    text: str


def find_reason(
    training_config: TrainingConfig,
    *,
    model_name: str,
    experiment: str,
    floors: str,
    margin: float,
    force: bool,
) -> Reason:
    """Decides whether there is a reason to train, and notes in MLflow if there is none.

    The note is a run of its own in the experiment, named `no training`, with the reason and the
    champion's version as tags.

    Args:
        training_config: What this run would make its model of.
        model_name: The registered model whose champion is compared.
        experiment: The MLflow experiment that notes go to, the gate's refusals too.
        floors: The gate's setting; by another one it may decide otherwise.
        margin: Likewise.
        force: Whether to train in any case.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    released = find_champion(model_name)
    refused = ""
    if released:
        key = candidate_key(
            training_config.to_json(),
            released.version,
            model_name=model_name,
            floors=floors,
            margin=margin,
        )
        refused = find_rejected_candidate(experiment, key)
    reason = compare(training_config, released, force=force, refused=refused)
    logger.info("%s", reason.text)
    if released and not reason.train:
        tags = {"reason": reason.text, "model_name": model_name, "version": released.version}
        record_event(experiment, "no training", tags)
    return reason


def compare(
    training_config: TrainingConfig,
    released: ModelVersion | None,
    *,
    force: bool,
    refused: str = "",
) -> Reason:
    """Decides whether there is a reason to train.

    Args:
        training_config: What this run would make its model of.
        released: The champion, or None.
        force: Whether to train in any case.
        refused: Why the gate refused a model of the same before, next to this champion; or empty.
    """
    if released is None:
        return Reason(True, "training: there is no champion yet")
    if refused and not force:
        return Reason(
            False,
            f"no training: a model of the same data, encoder and settings came to nothing next to "
            f"champion v{released.version}: {refused} (--force trains all the same)",
        )
    try:
        changes = training_config.changes_from(
            TrainingConfig.from_json(released.tags[TRAINING_CONFIG_TAG])
        )
    except (KeyError, ValueError):
        return Reason(
            True, f"training: champion v{released.version} does not say what it was made of"
        )
    since = f"since champion v{released.version}"
    if changes:
        return Reason(True, f"training: {since} {', '.join(changes)}")
    if force:
        return Reason(True, f"training: forced, though nothing changed {since}")
    return Reason(
        False,
        f"no training: champion v{released.version} has the same data, encoder and settings "
        "(--force trains all the same)",
    )
