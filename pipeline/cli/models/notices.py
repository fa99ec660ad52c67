"""Notices below the tables of `captionflow models list`."""

from components.registry.candidacy import approval_notice, can_be_approved, candidate_of
from components.registry.history import recorded_champion
from components.registry.models import RegisteredModel


def candidate_notice(model: RegisteredModel) -> str:
    """Returns what to do about the version that waits for approval; empty if none waits."""
    waiting = candidate_of(model)
    if waiting is None:
        return ""
    line = f"Version {waiting.version} {approval_notice(waiting)}."
    if can_be_approved(waiting, model.champion):
        return line
    then = f"version {waiting.compared_with}" if waiting.compared_with else "no version"
    return (
        f"{line} It can't be approved as it is, since the champion has changed: the gate compared "
        f"it with {then}. Run the pipeline again to compare it with the current champion."
    )


def champion_warning(model: RegisteredModel) -> str:
    """Returns a warning if the alias `champion` is missing or wrong; empty if it is right."""
    recorded = recorded_champion(model.tags)
    if model.champion is None and recorded is None:
        if candidate_of(model) is not None:
            return "There is no champion yet."
        return "There is no champion yet. Choose one with `captionflow models promote`."
    if recorded != model.champion:
        now = f"version {model.champion}" if model.champion else "no version"
        last = f"version {recorded}" if recorded else "none"
        return (
            f"The alias champion is on {now}, but the last recorded promotion is {last}: a "
            "promotion is in progress or was interrupted, or another program moved the alias. "
            "Choose the champion with `captionflow models promote`."
        )
    return ""
