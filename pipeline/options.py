"""Makes a command line of `Settings`: every setting an option, described once."""

import inspect
from collections.abc import Callable
from typing import Any

import typer

from pipeline.config import PRESETS, Settings, flag


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Adds an option for each setting to a typer command.

    Args:
        command: Takes first `given`, the settings that the user named, then options of its own.

    Returns:
        The command for `typer.run`, without `given` and with all settings as options. Values
        other than switches come as text: `Settings` checks them, and no one else.
    """
    _, *own = inspect.signature(command).parameters.values()
    fields = Settings.model_fields
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=_option(name),
            annotation=bool | None if isinstance(field.default, bool) else str | None,
        )
        for name, field in fields.items()
    ]

    def wrapper(**values: Any) -> None:
        given = {name: values.pop(name) for name in fields}
        command({name: value for name, value in given.items() if value is not None}, **values)

    wrapper.__doc__ = command.__doc__
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + options
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # PEP 362
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapper


def _option(name: str) -> Any:
    field = Settings.model_fields[name]
    default = field.default
    others = {preset: values[name] for preset, values in PRESETS.items() if name in values}
    shown = str(default) if default != "" else "none"
    for preset, value in others.items():
        shown += f"; {preset}: {value if value != '' else 'to be named'}"
    names = (f"{flag(name)}/--no-{flag(name)[2:]}",) if isinstance(default, bool) else (flag(name),)
    return typer.Option(
        None,
        *names,
        help=field.description,
        show_default=shown,
        metavar=None if isinstance(default, bool) else type(default).__name__.upper(),
    )
