"""Cells that the tables of a registered model and of a version share."""

from components.registry.candidacy import candidate_of
from components.registry.models import ModelVersion, RegisteredModel

#: What the tables call each action of a promotion.
ACTIONS = {
    "register": "registered",
    "approve": "approved",
    "promote": "promoted",
    "rollback": "rolled back",
}


def alias_of(model: RegisteredModel, version: ModelVersion) -> str:
    """Returns the alias of a version as rich markup; empty if it has none."""
    if version.version == model.champion:
        return "[green]champion[/]"
    waiting = candidate_of(model)
    return "[yellow]candidate[/]" if waiting and waiting.version == version.version else ""
