"""Registers a model that passed the gate, once per training run, and promotes or proposes it."""

import logging
from pathlib import Path
from typing import NamedTuple

from components.artifacts.files import SCORES_FILE, TRAINING_FILE, read_json
from components.artifacts.manifest import read_manifest
from components.register.captioning_process import CaptioningProcess
from components.register.card import model_card
from components.register.packaging import log_bundle
from components.register.parity import check_parity
from components.register.tags import gate_tags, score_tags, update_tags
from components.register.versions import create_version, find_version
from components.registry.approval import propose
from components.registry.candidacy import approval_notice
from components.registry.client import mlflow_client
from components.registry.models import TRAINING_CONFIG_TAG, find_champion
from components.registry.ownership import deleted_on_error, sync_model
from components.registry.promotion import champion_changed, promote
from components.registry.registration_lock import registration_lock
from components.registry.rejected_candidates import candidate_key
from components.registry.runs import require_run
from components.settings.release import RegisterSettings

logger = logging.getLogger(__name__)


class Registered(NamedTuple):
    """A registered version.

    Attributes:
        version: Its number.
        model_uri: The URI that MLflow loads it by.
        approval: What to do before it becomes champion; empty if nothing.
    """

    version: str
    model_uri: str
    approval: str = ""


@registration_lock()
def register_model(
    model: str | Path,
    scores: str | Path,
    manifest: str | Path,
    *,
    training_config: str,
    cause: str,
    reason: str,
    compared_with: str,
    settings: RegisterSettings,
    process: CaptioningProcess,
) -> Registered:
    """Registers a model as a version with its scores as tags, and promotes or proposes it.

    1. If the training run already has a version with the same decoding settings (the step is
       repeated, or training came from the cache), that version is reused and its tags updated.
    2. Otherwise the bundle is logged in the training run as an MLflow model. Once a new process
       has generated the scored captions with it, it becomes a new version, with a model card.
    3. The version becomes champion last, with the gate's reason: a failure before that leaves the
       champion as it was. With `release` set to `approve`, it becomes the candidate instead, and
       waits for a person (`components.registry.approval`).

    Runs that use the MLflow store of one work folder register one after the other, so two that
    reuse the same training make one version of it.

    If the champion is not the one that the gate compared with, nothing is registered. If it
    changes during registration, the version is registered but not promoted.

    Args:
        model: The scored model: a bundle with `training.json`, which names the run.
        scores: The scores artifact: a directory with `scores.json`.
        manifest: The manifest artifact; some of its test photos are captioned again.
        training_config: The training config; `trigger` compares the next run's with it.
        cause: Why the model was trained.
        reason: Why the gate passed the model.
        compared_with: The champion that the gate compared with; empty if there was none.
        settings: The registered model's name, which is created on first use; whether a person
            approves the version; and what a rejection depends on.
        process: A new process for the parity check, from `fresh_process`.

    Returns:
        The version, its URI, and what has to be done before it becomes champion.

    Raises:
        DataError: If MLflow does not have the training run, the champion is not the one that the
            gate compared with, or the logged model generates other captions than were scored.
        CaptionflowError: If MLflow can't be used.
    """
    run_id = read_json(Path(model) / TRAINING_FILE)["mlflow_run_id"]
    scored = read_json(Path(scores) / SCORES_FILE)
    tags = {
        **score_tags(scored),
        TRAINING_CONFIG_TAG: training_config,
        "trained_because": cause,
        "gate_reason": reason,
    }
    photos = read_manifest(manifest)
    require_run(run_id)
    model_name = settings.model_name
    champion = find_champion(model_name)
    now = champion.version if champion else ""
    with mlflow_client() as client:
        version = find_version(client, model_name, run_id, tags)
        # When the step is repeated, its own version may be the champion already.
        if now != compared_with and (version is None or now != str(version.version)):
            raise champion_changed(compared_with, now)
        tags |= gate_tags(client, run_id, reason)
        if version is None:
            card = model_card(scored, photos, name=model_name, cause=cause, reason=reason)
            logger.info("Packaging the model in MLflow; this takes seconds")
            logged = log_bundle(Path(model), photos, run_id)
            with deleted_on_error(client, logged):
                sync_model(client, logged)
                logger.info("Captioning test photos with it in a new process")
                check_parity(process, f"models:/{logged}", Path(scores), photos)
                version = create_version(client, model_name, run_id, logged, tags, card)
            logger.info("%s has a new version: %s", model_name, version.version)
        else:
            logger.info(
                "%s version %s is already registered from this training run",
                model_name,
                version.version,
            )
            update_tags(client, version, tags)
    number = str(version.version)
    uri = f"models:/{model_name}/{number}"
    if settings.release == "approve" and now != number:
        candidacy = propose(
            model_name,
            number,
            reason=reason,
            compared_with=compared_with,
            experiment=settings.experiment,
            key=candidate_key(
                training_config,
                compared_with,
                model_name=model_name,
                floors=settings.floors,
                margin=settings.margin,
            ),
        )
        notice = f"version {number} {approval_notice(candidacy)}"
        logger.info("%s", notice)
        return Registered(number, uri, notice)
    champion_now = promote(model_name, number, reason=reason, compared_with=compared_with)
    logger.info("The champion is version %s", champion_now)
    return Registered(number, uri)
