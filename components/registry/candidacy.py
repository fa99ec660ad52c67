"""The candidate: the version that passed the gate and waits for a person's approval.

With `--release approve`, `register` proposes a version instead of promoting it. Proposals and
rejections are records of the registered model (see `records`). The candidate is the version that
was proposed last, until it is rejected or becomes champion. It has the alias `candidate`.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

from mlflow import MlflowClient

from components.registry.aliases import reconcile_alias
from components.registry.history import in_effect
from components.registry.models import RegisteredModel, find_model
from components.registry.records import Record, read_records, to_the_minute

#: The alias of the version that waits for approval.
CANDIDATE = "candidate"


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

    prefix: ClassVar[str] = "candidate."
    action: Literal["propose", "reject"]
    compared_with: str = ""
    promotions: int = 0
    experiment: str = ""
    key: str = ""


def read_candidacies(tags: Mapping[str, str]) -> list[Candidacy]:
    """Returns all proposals and rejections in a registered model's tags, oldest first."""
    return read_records(Candidacy, tags)


def candidate_of(model: RegisteredModel) -> Candidacy | None:
    """Returns the proposal of the version that waits for approval; None if none waits."""
    proposed: Candidacy | None = None
    for each in read_candidacies(model.tags):
        if each.action == "propose":
            proposed = each
        elif proposed is not None and each.version == proposed.version:
            proposed = None
    if proposed is None or proposed.version == model.champion:
        return None
    promoted = any(
        each.version == proposed.version and each.number > proposed.promotions
        for each in in_effect(model.tags)
    )
    deleted = all(version.version != proposed.version for version in model.versions)
    return None if promoted or deleted else proposed


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

    def wanted(model: RegisteredModel) -> str | None:
        waiting = candidate_of(model)
        return waiting.version if waiting else None

    reconcile_alias(client, model_name, CANDIDATE, wanted)
