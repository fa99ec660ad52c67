"""The table of one version: everything that is recorded about it."""

from rich.console import Console
from rich.markup import escape

from components.artifacts.scores import TITLES
from components.errors import CaptionflowError
from components.registry.history import in_effect
from components.registry.models import RegisteredModel
from components.registry.records import to_the_minute
from pipeline.cli.models.cells import ACTIONS, alias_of


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
    alias = alias_of(model, version)
    suffix = f", {alias}" if alias else ""
    console.print(f"{escape(model.name)} version {number}{suffix}\n", highlight=False)
    scores = {title: version.tags[name] for name, title in TITLES.items() if name in version.tags}
    other = {name: text for name, text in sorted(version.tags.items()) if name not in TITLES}
    rows = [
        ("registered", to_the_minute(version.created)),
        ("model URI", f"models:/{model.name}/{number}"),
        ("training run", version.run_id),
        *scores.items(),
        *other.items(),
        *(
            (ACTIONS[each.action], f"{to_the_minute(each.time)} by {each.author}: {each.reason}")
            for each in in_effect(model.tags)
            if each.version == number
        ),
    ]
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        # On one line, so that it can be copied.
        console.print(escape(f"{name:<{width}}  {text}"), soft_wrap=True, highlight=False)
