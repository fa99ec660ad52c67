"""The candidate: the version that passed the gate and waits for a person's approval.

With `--release approve`, `register` proposes a version instead of promoting it. Proposals and
rejections are records of the registered model (see `records`). The candidate is the version that
was proposed last, until it is rejected or becomes champion. It has the alias `candidate`.
"""

from collections.abc import Mapping
from typing import Literal

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from components.registry.aliases import Model, aliased_version, reconcile_alias
from components.registry.history import in_effect, read_history
from components.registry.models import CHAMPION, RegisteredModel, find_model
from components.registry.records import Record, append_record, read_records, to_the_minute

#: The alias of the version that waits for approval.
CANDIDATE = "candidate"

_TAG = "candidate."


class Candidacy(Record, frozen=True):
    """A version was proposed as champion, or rejected.

    Attributes:
        action: `propose`: by the pipeline, after the gate; `reject`: by a person.
        compared_with: The champion that the gate compared a proposed version with; empty if there
            was none.
        promotions: Number of the last promotion when the version was proposed; a later promotion of
            the version ends the candidacy.
        experiment: The MLflow experiment in which a rejection is recorded.
        key: Identifies the data, code and settings of the candidate, see
            `rejected_candidates.candidate_key`.
    """

    action: Literal["propose", "reject"]
    compared_with: str = ""
    promotions: int = 0
    experiment: str = ""
    key: str = ""


def read_candidacies(tags: Mapping[str, str]) -> list[Candidacy]:
    """Returns all proposals and rejections in a registered model's tags, oldest first."""
    return read_records(tags, _TAG, Candidacy)


def append_candidacy(client: MlflowClient, model_name: str, candidacy: Candidacy) -> None:
    """Records a proposal or a rejection, and updates the alias `candidate`.

    Args:
        client: MLflow's client.
        model_name: The registered model.
        candidacy: The proposal or rejection.
    """
    append_record(client, model_name, _TAG, candidacy)
    reconcile_candidate(client, model_name)


def candidate_of(model: RegisteredModel) -> Candidacy | None:
    """Returns the proposal of the version that waits for approval; None if none waits."""
    proposed = _proposed(model.tags)
    if proposed is None or proposed.version == model.champion:
        return None
    # A deleted version no longer waits.
    exists = any(version.version == proposed.version for version in model.versions)
    return proposed if exists else None


def find_candidate(model_name: str) -> Candidacy | None:
    """Returns `candidate_of` a registered model; None if there is no such model either.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    model = find_model(model_name)
    return None if model is None else candidate_of(model)


def can_be_approved(candidacy: Candidacy, champion: str | None) -> bool:
    """Returns whether the champion is still the one that the gate compared a candidate with."""
    return candidacy.compared_with == (champion or "")


def approval_notice(candidacy: Candidacy) -> str:
    """Returns a clause that says how to approve or reject a candidate."""
    return (
        f"waits for approval (since {to_the_minute(candidacy.time)}): `captionflow models "
        f"approve {candidacy.version} --why …`, or `captionflow models reject "
        f"{candidacy.version} --why …`"
    )


def reconcile_candidate(client: MlflowClient, model_name: str) -> None:
    """Sets or removes the alias `candidate` as the records say, until both agree.

    Raises:
        CaptionflowError: If another program keeps moving the alias.
    """
    reconcile_alias(client, model_name, CANDIDATE, lambda model: _wanted_alias(client, model))


def _wanted_alias(client: MlflowClient, model: Model) -> str | None:
    proposed = _proposed(model.tags)
    if proposed is None or proposed.version == aliased_version(model, CHAMPION):
        return None
    try:
        client.get_model_version(model.name, proposed.version)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    return proposed.version


def _proposed(tags: Mapping[str, str]) -> Candidacy | None:
    """Returns the last proposal that was neither rejected nor followed by a promotion."""
    proposed: Candidacy | None = None
    for each in read_candidacies(tags):
        if each.action == "propose":
            proposed = each
        elif proposed is not None and each.version == proposed.version:
            proposed = None
    if proposed is None:
        return None
    promoted = any(
        each.version == proposed.version and each.number > proposed.promotions
        for each in in_effect(read_history(tags))
    )
    return None if promoted else proposed
