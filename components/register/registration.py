"""Registers a model that passed, once for each training run, and makes it champion."""

import logging
from pathlib import Path
from typing import Any, NamedTuple

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from components.artifacts.files import SCORES_FILE, TRAINING_FILE, read_json
from components.artifacts.manifest import read_manifest
from components.artifacts.scores import search_scores
from components.platform.learnt import note_learnt
from components.platform.registry import RECIPE_TAG, champion, require_run
from components.platform.tracking import mlflow_client
from components.register.card import model_card
from components.register.packaging import log_bundle
from components.register.parity import check_parity
from components.register.promotion import promote, require_compared

logger = logging.getLogger(__name__)

# What the gate noted in a run, and so what a version tells of its decision.
_GATE = "gate_"
# How captions are searched: belongs to a version as its weights do.
_DECODING = ("beam_width", "length_penalty", "max_words", "reranking_weight")


class Registered(NamedTuple):
    """A registered version, and the address that MLflow loads it by."""

    version: str
    model_uri: str


def register_model(
    model: str | Path,
    scores: str | Path,
    manifest: str | Path,
    *,
    training_config: str,
    cause: str,
    reason: str,
    compared_with: str,
    model_name: str,
) -> Registered:
    """Registers a model as a version with its scores as tags, and gives it the alias `champion`.

    1. The training run is told which photos were learnt from: the next champion's test photos must
       not be among them.
    2. If its training run has a version already that searches captions in the same way (the step
       is repeated, or training came from the cache), that one is taken, and its tags are brought
       up to date.
    3. Otherwise the bundle is logged in the training run as an MLflow model. Once a fresh process
       has said with it what was scored, a new version is made of it, described by a model card.
    4. The version is promoted last, with the gate's reason: what fails before leaves the old
       champion in place.

    If another is champion than the gate compared with, nothing of this is done. One that comes
    while it is done stays champion: then the version is there, but not promoted.

    Args:
        model: The model artifact: a bundle with `training.json`, which names the run.
        scores: The scores artifact: a directory with `scores.json`.
        manifest: The manifest artifact; test photos of it are described again.
        training_config: What the model was made of; the next run's `trigger` compares itself with
            it.
        cause: Why it was trained.
        reason: Why the gate let the model pass.
        compared_with: The champion's version that the gate compared with; empty if there was none.
        model_name: The registered model's name; it is made on first use.

    Returns:
        The version, and its address.

    Raises:
        DataError: If MLflow does not know the run that trained the model, another is champion
            than the gate compared with, or the logged model does not say what was scored.
        CaptionflowError: If MLflow can't be used.
    """
    run_id = read_json(Path(model) / TRAINING_FILE)["mlflow_run_id"]
    scored = read_json(Path(scores) / SCORES_FILE)
    decoding = {name: scored[name] for name in _DECODING}
    tags = {
        **_tags(scored),
        RECIPE_TAG: training_config,
        "trained_because": cause,
        "gate_reason": reason,
    }
    photos = read_manifest(manifest)
    require_run(run_id)
    now = champion(model_name)
    with mlflow_client() as client:
        version = _version_of(client, model_name, run_id, tags)
        # A step that is repeated may find that its own version is champion already.
        if now is None or version is None or now.version != str(version.version):
            require_compared(model_name, now.version if now else None, compared_with)
        note_learnt(run_id, photos)
        tags |= _gate_tags(client, run_id, reason)
        if version is None:
            logged = log_bundle(Path(model), photos, run_id, decoding=decoding)
            check_parity(f"models:/{logged}", Path(scores), photos)
            card = model_card(scored, photos, name=model_name, cause=cause, reason=reason)
            version = _new_version(client, model_name, run_id, logged, tags, card)
            logger.info("%s has a new version, %s", model_name, version.version)
        else:
            logger.info(
                "%s version %s is of this training run already: no new one is made",
                model_name,
                version.version,
            )
            _update_tags(client, version, tags)
    number = str(version.version)
    promote(model_name, number, why=reason, action="register", compared_with=compared_with)
    return Registered(number, f"models:/{model_name}/{number}")


def _tags(scores: dict[str, Any]) -> dict[str, str]:
    # `str` of a float loses no digit.
    return {
        **{name: str(value) for name, value in search_scores(scores, "beam").items()},
        "bleu_signature": scores["signature"],
        **({"coco_signature": scores["coco_signature"]} if "coco_signature" in scores else {}),
        **{name: str(scores[name]) for name in _DECODING},
        "test_fingerprint": scores["test_fingerprint"],
        "dataset_fingerprint": scores["dataset_fingerprint"],
        "encoder_network": scores["encoder"]["network"],
        "encoder_weights": scores["encoder"]["weights"],
        "encoder_sha256": scores["encoder"]["sha256"],
        # Scores of before there was a choice name none.
        "encoder_precision": scores["encoder"].get("precision", "float32"),
    }


def _gate_tags(client: MlflowClient, run_id: str, reason: str) -> dict[str, str]:
    # What the gate's decision rests on.
    noted = client.get_run(run_id).data.tags
    if noted.get("gate_reason") != reason:
        # Another run of the pipeline has judged the same training since.
        return {}
    return {name: value for name, value in noted.items() if name.startswith(_GATE) and value}


def _version_of(
    client: MlflowClient, model_name: str, run_id: str, tags: dict[str, str]
) -> ModelVersion | None:
    """Returns the newest version of a training run, ready for use and with the same search."""
    found = client.search_model_versions(
        f"name = '{model_name}' and run_id = '{run_id}'", order_by=["version_number DESC"]
    )
    ready = [
        version.version
        for version in found
        if version.status == "READY"
        and all(version.tags.get(name) == tags[name] for name in _DECODING)
    ]
    # A search leaves out the aliases.
    return client.get_model_version(model_name, ready[0]) if ready else None


def _new_version(
    client: MlflowClient,
    model_name: str,
    run_id: str,
    model_id: str,
    tags: dict[str, str],
    card: str,
) -> ModelVersion:
    try:
        client.create_registered_model(model_name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    # All at once: no version is ever seen without its scores and card.
    return client.create_model_version(
        model_name, f"models:/{model_id}", run_id, tags=tags, description=card, model_id=model_id
    )


def _update_tags(client: MlflowClient, version: ModelVersion, tags: dict[str, str]) -> None:
    for key, value in tags.items():
        if version.tags.get(key) != value:
            client.set_model_version_tag(version.name, version.version, key, value)
    for key in version.tags:
        # What an earlier decision rested on.
        if key.startswith(_GATE) and key not in tags:
            client.delete_model_version_tag(version.name, version.version, key)
