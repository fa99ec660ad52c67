"""Decides whether to train: only if something changed since the champion was trained."""

import logging
from typing import NamedTuple

from components.registry.candidacy import (
    Candidacy,
    approval_notice,
    can_be_approved,
    find_candidate,
)
from components.registry.events import record_event
from components.registry.models import TRAINING_CONFIG_TAG, ModelVersion, find_champion
from components.registry.rejected_candidates import candidate_key, find_rejected_candidate
from components.settings.run import RunSettings
from components.trigger.training_config import TrainingConfig

logger = logging.getLogger(__name__)


class Reason(NamedTuple):
    """Whether to train, and a text with the reason, for people."""

    train: bool
    text: str


def find_reason(training_config: TrainingConfig, settings: RunSettings) -> Reason:
    """Decides whether there is a reason to train; if not, records that in MLflow.

    The record is an event in the experiment named `no training`, with the reason and the champion's
    version as tags.

    Args:
        training_config: The training config of this run.
        settings: The settings of this run. An earlier rejection by the gate counts only for the
            same thresholds and margin.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    champion = find_champion(settings.model_name)
    reason = predict_reason(training_config, champion, settings)
    logger.info("%s", reason.text)
    if not reason.train:
        tags = {
            "reason": reason.text,
            "model_name": settings.model_name,
            "version": champion.version if champion else "",
        }
        record_event(settings.experiment, "no training", tags)
    return reason


def predict_reason(
    training_config: TrainingConfig, champion: ModelVersion | None, settings: RunSettings
) -> Reason:
    """Returns what `find_reason` decides, without recording anything.

    Args:
        training_config: The training config of this run.
        champion: The champion; None if there is none.
        settings: The settings of this run.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    return compare(
        training_config,
        champion,
        force=settings.force,
        rejected=_find_rejection(training_config, champion, settings),
        candidate=find_candidate(settings.model_name),
    )


def _find_rejection(
    training_config: TrainingConfig, champion: ModelVersion | None, settings: RunSettings
) -> str:
    """Returns why the gate or a person rejected the same candidate before; empty if none did."""
    key = candidate_key(
        training_config.to_json(),
        champion.version if champion else "",
        model_name=settings.model_name,
        floors=settings.floors,
        margin=settings.margin,
    )
    return find_rejected_candidate(settings.experiment, key)


def compare(
    training_config: TrainingConfig,
    champion: ModelVersion | None,
    *,
    force: bool,
    rejected: str = "",
    candidate: Candidacy | None = None,
) -> Reason:
    """Decides whether there is a reason to train.

    Args:
        training_config: The training config of this run.
        champion: The champion; None if there is none.
        force: Whether to train in any case.
        rejected: Why the same candidate was rejected against this champion before; empty if it was
            not.
        candidate: The version that waits for approval; None if none does. One that can't be
            approved, since the champion has changed, is no reason to wait.
    """
    if (
        candidate
        and not force
        and can_be_approved(candidate, champion.version if champion else None)
    ):
        return Reason(
            False,
            f"No training: version {candidate.version} {approval_notice(candidate)} "
            "(--force trains anyway)",
        )
    name = f"champion v{champion.version}" if champion else "no champion"
    if rejected and not force:
        return Reason(
            False,
            "No training: a model with the same data, code and settings was rejected, compared "
            f"with {name}: {rejected} (--force trains anyway)",
        )
    if champion is None:
        return Reason(True, "Training: there is no champion yet")
    try:
        before = TrainingConfig.from_json(champion.tags[TRAINING_CONFIG_TAG])
    except (KeyError, ValueError):
        return Reason(True, f"Training: {name} has no record of what it was trained on")
    if changes := training_config.changes_from(before, name):
        return Reason(True, f"Training: {', '.join(changes)}")
    if force:
        return Reason(True, f"Training: forced; nothing changed since {name}")
    return Reason(
        False,
        f"No training: {name} has the same data, code and settings (--force trains anyway)",
    )
