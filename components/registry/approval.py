"""Approval by a person: a version that passed the gate is proposed, then approved or rejected."""

from datetime import UTC, datetime

from mlflow import MlflowClient

from components.errors import CaptionflowError, SettingError
from components.registry.candidacy import (
    Candidacy,
    approval_notice,
    candidate_of,
    read_candidacies,
    reconcile_candidate,
)
from components.registry.client import mlflow_client
from components.registry.history import in_effect, read_history, recorded_champion
from components.registry.models import RegisteredModel, read_model
from components.registry.promotion import champion_changed, promote, reconcile_aliases
from components.registry.records import (
    append_record,
    current_author,
    new_record,
    shorten_reason,
    to_the_minute,
)
from components.registry.rejected_candidates import record_rejected_candidate
from components.registry.runs import run_exists

#: Tag of a version, and of the run that trained it, with the state of its approval.
APPROVAL_TAG = "approval"

# Beginning of the description of a version that waits for approval.
_NOTICE = "**This version "


def propose(
    model_name: str, version: str, *, reason: str, compared_with: str, experiment: str, key: str
) -> Candidacy:
    """Makes a version the candidate; one that already waits for approval is replaced.

    Nothing is recorded if the same version already waits, after the same comparison.

    Args:
        model_name: The registered model.
        version: The version, which passed the gate.
        reason: The gate's reason.
        compared_with: The champion that the gate compared it with; empty if there was none.
        experiment: The MLflow experiment in which a rejection is recorded.
        key: Identifies the data, code and settings, see `rejected_candidates.candidate_key`.

    Returns:
        The proposal.

    Raises:
        SettingError: If there is no such model or version.
        DataError: If the champion is no longer `compared_with`.
        CaptionflowError: If MLflow can't be used.
    """
    model = read_model(model_name)
    model.version(version)  # must exist
    if compared_with != (model.champion or ""):
        raise champion_changed(compared_with, model.champion, version)
    waiting = candidate_of(model)
    proposed = (version, compared_with, key)
    with mlflow_client() as client:
        if waiting and (waiting.version, waiting.compared_with, waiting.key) == proposed:
            candidacy = waiting
        else:
            history = read_history(model.tags)
            candidacy = new_record(
                Candidacy,
                model.tags,
                version=version,
                reason=reason,
                action="propose",
                compared_with=compared_with,
                promotions=history[-1].number if history else 0,
                experiment=experiment,
                key=key,
            )
            append_record(client, model_name, candidacy)
        reconcile_candidate(client, model_name)
        _announce(client, model_name, version, approval_notice(candidacy), waits=True)
        if waiting and waiting.version != version:
            text = f"replaced by version {version}, {_now()}"
            _announce(client, model_name, waiting.version, text)
    return candidacy


def approve(model_name: str, version: str, *, reason: str) -> str:
    """Promotes the candidate.

    Args:
        model_name: The registered model.
        version: The candidate's version.
        reason: Why.

    Returns:
        The champion.

    Raises:
        SettingError: If there is no such version, or it does not wait for approval.
        DataError: If the champion has changed since the gate compared the two.
        CaptionflowError: If the version was rejected at the same time, or MLflow can't be used.
    """
    model = read_model(model_name)
    model.version(version)  # must exist
    if version == recorded_champion(model.tags):
        # Finish an approval that was interrupted.
        with mlflow_client() as client:
            champion = reconcile_aliases(client, model_name)
    else:
        compared_with = _require_candidate(model, version).compared_with
        champion = promote(
            model_name, version, reason=reason, compared_with=compared_with, approved=True
        )
    with mlflow_client() as client:
        _announce(client, model_name, version, _decided("approved", reason))
    _require_one_decision(model_name, version)
    return champion


def reject(model_name: str, version: str, *, reason: str) -> None:
    """Rejects the candidate, and records that for `trigger`.

    Args:
        model_name: The registered model.
        version: The candidate's version.
        reason: Why.

    Raises:
        SettingError: See `approve`; also if the experiment for the record was deleted.
        CaptionflowError: If the version was approved at the same time, or MLflow can't be used.
    """
    model = read_model(model_name)
    model.version(version)  # must exist
    candidacy = _require_candidate(model, version)
    text = _decided("rejected", reason)
    # First of all: without this record, `trigger` would train the same model again.
    record_rejected_candidate(candidacy.experiment, candidacy.key, f"version {version} was {text}")
    rejection = new_record(Candidacy, model.tags, version=version, reason=reason, action="reject")
    with mlflow_client() as client:
        append_record(client, model_name, rejection)
        reconcile_candidate(client, model_name)
        _announce(client, model_name, version, text)
    _require_one_decision(model_name, version)


def _require_candidate(model: RegisteredModel, number: str) -> Candidacy:
    waiting = candidate_of(model)
    if waiting is not None and waiting.version == number:
        return waiting
    now = f"version {waiting.version} does" if waiting else "none does"
    raise SettingError(
        f"Version {number} of {model.name} does not wait for approval; {now}. `captionflow models "
        "list` shows all versions, and `captionflow models promote` makes any of them champion"
    )


def _require_one_decision(model_name: str, number: str) -> None:
    """Checks that a version was not approved and rejected at the same time."""
    tags = read_model(model_name).tags
    candidacies = [each for each in read_candidacies(tags) if each.version == number]
    proposed = max((each.promotions for each in candidacies), default=0)
    approved = [
        each for each in in_effect(tags) if each.version == number and each.number > proposed
    ]
    if approved and candidacies and (last := candidacies[-1]).action == "reject":
        raise CaptionflowError(
            f"Version {number} of {model_name} was approved by {approved[-1].author} and rejected "
            f"by {last.author} ({last.reason}). It has been made champion: `captionflow models "
            "rollback` undoes that"
        )


def _announce(
    client: MlflowClient, model_name: str, number: str, text: str, *, waits: bool = False
) -> None:
    """Shows the state of a proposal in MLflow: in tags, and in the description while it waits."""
    version = client.get_model_version(model_name, number)
    client.set_model_version_tag(model_name, number, APPROVAL_TAG, text)
    card = str(version.description or "")
    if card.startswith(_NOTICE):
        card = card.partition("\n\n")[2]
    if waits:
        card = f"{_NOTICE}{text}**\n\n{card}"
    if card != version.description:
        client.update_model_version(model_name, number, card)
    if version.run_id and run_exists(version.run_id):
        client.set_tag(version.run_id, APPROVAL_TAG, f"version {number} {text}")


def _decided(verb: str, reason: str) -> str:
    return f"{verb} by {current_author()}, {_now()}: {shorten_reason(reason)}"


def _now() -> str:
    return to_the_minute(datetime.now(UTC))
