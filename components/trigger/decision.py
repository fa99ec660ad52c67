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
from components.trigger.drift import Drift, find_drift, record_drift
from components.trigger.training_config import TrainingConfig

logger = logging.getLogger(__name__)


class Reason(NamedTuple):
    """Whether to train, and why.

    Attributes:
        train: Whether to train.
        text: The reason, for people.
        drift: The outcome of the drift test; empty if there was none.
    """

    train: bool
    text: str
    drift: str = ""


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
    drift = find_drift(champion, settings)
    reason = predict_reason(training_config, champion, settings, drift)
    logger.info("%s", reason.text)
    if champion and drift:
        logger.info("Drift: %s", drift.text)
        record_drift(drift, champion, settings)
    if not reason.train:
        tags = {
            "reason": reason.text,
            "model_name": settings.model_name,
            "version": champion.version if champion else "",
        }
        record_event(settings.experiment, "no training", tags)
    return reason


def predict_reason(
    training_config: TrainingConfig,
    champion: ModelVersion | None,
    settings: RunSettings,
    drift: Drift | None,
) -> Reason:
    """Returns what `find_reason` decides, without recording anything.

    Args:
        training_config: The training config of this run.
        champion: The champion; None if there is none.
        settings: The settings of this run.
        drift: The outcome of the drift test; None if there was none.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    reason = compare(
        training_config,
        champion,
        force=settings.force,
        rejected=_find_rejection(training_config, champion, settings),
        candidate=find_candidate(settings.model_name),
    )
    if drift is None or champion is None:
        return reason
    new_data = training_config.parts.get("data") != _trained_on(champion).parts.get("data")
    return add_drift(reason, drift, new_data=new_data)


def add_drift(reason: Reason, drift: Drift, *, new_data: bool) -> Reason:
    """Returns a reason that also names drift.

    Drift without new data is no reason to train: a model trained on the same photos again would
    know no more about the new ones.

    Args:
        reason: The reason without drift.
        drift: The outcome of the drift test.
        new_data: Whether captioned data were added or changed since the champion was trained.
    """
    text = reason.text
    if drift.drifted and new_data:
        text += f", {drift.text}" if reason.train else f". {_sentence(drift.text)}"
    elif drift.drifted:
        text += (
            f". {_sentence(drift.text)}, but the captioned data are the same: to adapt the model, "
            "add photos like these with captions to the data set"
        )
    return Reason(reason.train, text, drift.text)


def _sentence(clause: str) -> str:
    return clause[:1].upper() + clause[1:]


def _trained_on(champion: ModelVersion) -> TrainingConfig:
    try:
        return TrainingConfig.from_json(champion.tags[TRAINING_CONFIG_TAG])
    except (KeyError, ValueError):
        return TrainingConfig({})


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
    before = _trained_on(champion)
    if not before.parts:
        return Reason(True, f"Training: {name} has no record of what it was trained on")
    if changes := training_config.changes_from(before, name):
        return Reason(True, f"Training: {', '.join(changes)}")
    if force:
        return Reason(True, f"Training: forced; nothing changed since {name}")
    return Reason(
        False,
        f"No training: {name} has the same data, code and settings (--force trains anyway)",
    )
