"""What people see of a registered model: its versions, its champions, and all of one version."""

from collections.abc import Iterable
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from components.artifacts.scores import TITLES
from components.errors import CaptionflowError
from components.register.history import Promotion, counting
from components.register.versions import Released, Version

_SHOWN = ("bleu4", "cider_d")
_IN_WORDS = {"register": "registered", "promote": "promoted", "rollback": "rolled back"}


def show_model(model: Released, console: Console | None = None) -> None:
    """Shows all versions of a model, and who was champion when and why, the newest first."""
    console = console or Console()
    versions = _table(
        "version",
        "registered",
        *(Column(TITLES[name], justify="right") for name in _SHOWN),
        "alias",
        Column("why", overflow="fold"),
    )
    for version in model.versions:
        versions.add_row(
            version.number,
            _moment(version.registered),
            *(_number(version.tags.get(name, "")) for name in _SHOWN),
            "[green]champion[/]" if version.number == model.champion else "",
            escape(_why(model, version)),
        )
    console.print(f"{escape(model.name)}\n", highlight=False)
    console.print(versions)
    if model.history:
        counted = counting(model.history)
        champions = _table(
            "champion", "since", "before", "how", Column("why, and by whom", overflow="fold")
        )
        for promotion in reversed(model.history):
            champions.add_row(
                promotion.version,
                _moment(promotion.when),
                promotion.before or "",
                _IN_WORDS[promotion.action] if promotion in counted else "too late",
                escape(f"{promotion.why} ({promotion.by})"),
            )
        console.print()
        console.print(champions)
    for line in _doubts(model):
        console.print(f"\n[yellow]{escape(line)}[/]", soft_wrap=True, highlight=False)


def show_version(model: Released, number: str | None, console: Console | None = None) -> None:
    """Shows all that is noted of a version.

    Args:
        model: The registered model.
        number: The version; the champion if None.
        console: Where to show it; standard output if None.

    Raises:
        CaptionflowError: If the champion is asked for, and there is none yet.
        SettingError: If there is no such version.
    """
    if number is None and model.champion is None:
        raise CaptionflowError(f"{model.name} has no champion yet: name a version")
    version = model.version(number or model.champion or "")
    console = console or Console()
    champion = ", champion" if version.number == model.champion else ""
    console.print(
        f"{escape(model.name)} version {version.number}[green]{champion}[/]\n", highlight=False
    )
    scores = {title: version.tags[name] for name, title in TITLES.items() if name in version.tags}
    rest = {name: text for name, text in sorted(version.tags.items()) if name not in TITLES}
    rows = {
        "registered": _moment(version.registered),
        "loads as": f"models:/{model.name}/{version.number}",
        "run": version.run_id,
        **scores,
        **rest,
    }
    width = max(map(len, rows))
    for name, text in rows.items():
        _line(console, f"{name:<{width}}  {text}")
    for promotion in _promotions(model, version):
        told = f"{_IN_WORDS[promotion.action]} by {promotion.by}: {promotion.why}"
        _line(console, f"{'champion':<{width}}  {_moment(promotion.when)}, {told}")


def _line(console: Console, text: str) -> None:
    # Whole, so that it can be copied.
    console.print(escape(text), soft_wrap=True, highlight=False)


def _table(*columns: Column | str) -> Table:
    return Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0))


def _promotions(model: Released, version: Version) -> list[Promotion]:
    return [each for each in counting(model.history) if each.version == version.number]


def _why(model: Released, version: Version) -> str:
    """Returns why a version was last made champion, or else what the gate said."""
    promoted = _promotions(model, version)
    return promoted[-1].why if promoted else version.tags.get("gate_reason", "")


def _doubts(model: Released) -> Iterable[str]:
    if model.champion is None and not model.history:
        yield "There is no champion yet: promote makes a version it."
    elif model.champion != model.decided:
        has_it = f"version {model.champion}" if model.champion else "no version"
        yield (
            f"The last promotion is that of version {model.decided}, but {has_it} has the alias: "
            "another promotion is under way or broke off, or something else moved the alias. "
            "promote notes which is meant."
        )


def _moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _number(text: str) -> str:
    try:
        return f"{float(text):.2f}"
    except ValueError:
        return escape(text)
