"""Tables of a registered model: all versions, and the history of its champions."""

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from components.artifacts.scores import TITLES
from components.registry.candidacy import read_candidacies
from components.registry.history import Promotion, in_effect, read_history
from components.registry.models import ModelVersion, RegisteredModel
from components.registry.records import to_the_minute
from pipeline.cli.models.cells import ACTIONS, alias_of
from pipeline.cli.models.notices import candidate_notice, champion_warning

_SCORES = ("bleu4", "cider_d")


def show_model(model: RegisteredModel, console: Console | None = None) -> None:
    """Prints all versions of a model, and its promotions with reason and author, newest first."""
    console = console or Console()
    history = read_history(model.tags)
    effective = in_effect(model.tags)
    versions = _table(
        "version",
        "registered",
        *(Column(TITLES[name], justify="right") for name in _SCORES),
        "alias",
        Column("reason", overflow="fold"),
    )
    for version in model.versions:
        versions.add_row(
            version.version,
            to_the_minute(version.created),
            *(_number(version.tags.get(name, "")) for name in _SCORES),
            alias_of(model, version),
            escape(_reason(model, effective, version)),
        )
    console.print(f"{escape(model.name)}\n", highlight=False)
    console.print(versions)
    if history:
        promotions = _table(
            "champion", "since", "action", Column("reason and author", overflow="fold")
        )
        for each in reversed(history):
            promotions.add_row(
                each.version,
                to_the_minute(each.time),
                ACTIONS[each.action] if each in effective else "too late",
                escape(f"{each.reason} ({each.author})"),
            )
        console.print()
        console.print(promotions)
    for line in (candidate_notice(model), champion_warning(model)):
        if line:
            console.print(f"\n[yellow]{escape(line)}[/]", soft_wrap=True, highlight=False)


def _table(*columns: Column | str) -> Table:
    return Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0))


def _reason(model: RegisteredModel, effective: list[Promotion], version: ModelVersion) -> str:
    """Returns the reason of a version's last promotion, else of its rejection or of the gate."""
    reasons = [each.reason for each in effective if each.version == version.version]
    if reasons:
        return reasons[-1]
    decisions = [each for each in read_candidacies(model.tags) if each.version == version.version]
    if decisions and decisions[-1].action == "reject":
        return f"rejected: {decisions[-1].reason} ({decisions[-1].author})"
    return version.tags.get("gate_reason", "")


def _number(text: str) -> str:
    try:
        return f"{float(text):.2f}"
    except ValueError:
        return escape(text)
