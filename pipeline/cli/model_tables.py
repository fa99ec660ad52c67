"""Tables of a registered model: all versions, the history of its champions, or one version."""

from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from components.artifacts.scores import TITLES
from components.errors import CaptionflowError
from components.registry.candidacy import (
    approval_notice,
    can_be_approved,
    candidate_of,
    read_candidacies,
)
from components.registry.history import Promotion, in_effect, read_history, recorded_champion
from components.registry.models import ModelVersion, RegisteredModel

_SCORES = ("bleu4", "cider_d")
_ACTIONS = {
    "register": "registered",
    "approve": "approved",
    "promote": "promoted",
    "rollback": "rolled back",
}


def show_model(model: RegisteredModel, console: Console | None = None) -> None:
    """Prints all versions of a model, and its promotions with reason and author, newest first."""
    console = console or Console()
    history = read_history(model.tags)
    effective = in_effect(history)
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
            _minute(version.created),
            *(_number(version.tags.get(name, "")) for name in _SCORES),
            _alias(model, version),
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
                _minute(each.time),
                _ACTIONS[each.action] if each in effective else "too late",
                escape(f"{each.reason} ({each.author})"),
            )
        console.print()
        console.print(promotions)
    for line in (_waiting(model), _warning(model)):
        if line:
            console.print(f"\n[yellow]{escape(line)}[/]", soft_wrap=True, highlight=False)


def show_version(
    model: RegisteredModel, number: str | None, console: Console | None = None
) -> None:
    """Prints everything that is recorded about a version.

    Args:
        model: The registered model.
        number: The version; None: the champion.
        console: Where to print; None: standard output.

    Raises:
        CaptionflowError: If no version was named and there is no champion.
        SettingError: If there is no such version.
    """
    number = number or model.champion
    if number is None:
        raise CaptionflowError(
            f"{model.name} has no champion yet. Name one of the versions that `captionflow models "
            "list` shows"
        )
    version = model.version(number)
    console = console or Console()
    alias = _alias(model, version)
    suffix = f", {alias}" if alias else ""
    console.print(f"{escape(model.name)} version {number}{suffix}\n", highlight=False)
    scores = {title: version.tags[name] for name, title in TITLES.items() if name in version.tags}
    other = {name: text for name, text in sorted(version.tags.items()) if name not in TITLES}
    rows = [
        ("registered", _minute(version.created)),
        ("model URI", f"models:/{model.name}/{number}"),
        ("training run", version.run_id),
        *scores.items(),
        *other.items(),
        *(
            (_ACTIONS[each.action], f"{_minute(each.time)} by {each.author}: {each.reason}")
            for each in in_effect(read_history(model.tags))
            if each.version == number
        ),
    ]
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        # On one line, so that it can be copied.
        console.print(escape(f"{name:<{width}}  {text}"), soft_wrap=True, highlight=False)


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


def _alias(model: RegisteredModel, version: ModelVersion) -> str:
    if version.version == model.champion:
        return "[green]champion[/]"
    waiting = candidate_of(model)
    return "[yellow]candidate[/]" if waiting and waiting.version == version.version else ""


def _waiting(model: RegisteredModel) -> str:
    """Returns what has to be done about the candidate; empty if there is none."""
    waiting = candidate_of(model)
    if waiting is None:
        return ""
    line = f"Version {waiting.version} {approval_notice(waiting)}."
    if can_be_approved(waiting, model.champion):
        return line
    then = f"version {waiting.compared_with}" if waiting.compared_with else "no version"
    return (
        f"{line} It can't be approved as it is, since the champion has changed: the gate compared "
        f"it with {then}. Run the pipeline again to compare it with the present champion."
    )


def _warning(model: RegisteredModel) -> str:
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


def _minute(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _number(text: str) -> str:
    try:
        return f"{float(text):.2f}"
    except ValueError:
        return escape(text)
