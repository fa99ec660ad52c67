"""Makes a command line of settings: every field of a model an option, described once."""

import inspect
from collections.abc import Callable
from typing import Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from components.settings.base import titled_fields
from components.settings.renamed import RENAMED, refuse_renamed
from pipeline.config import PRESETS, flag, preset_values


def with_options(*models: type[BaseModel]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorates a typer command so that it has an option for each field of the models.

    The command takes first, for each model, a dictionary of what the user named, then options of
    its own. Values other than switches come as text: the models check them, and no one else.

    Args:
        models: Their fields must be of the types that KFP has: str, int, float, bool, dict.
    """
    fields = {
        name: (field, title) for model in models for name, field, title in titled_fields(model)
    }

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command).parameters.values())[len(models) :]

        def wrapper(**values: Any) -> None:
            named = {name: values.pop(name) for name in [*fields, *RENAMED]}
            refuse_renamed({name: value for name, value in named.items() if value is not None})
            given = [
                {name: named[name] for name in model.model_fields if named[name] is not None}
                for model in models
            ]
            command(*given, **values)

        wrapper.__doc__ = command.__doc__
        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        parameters += [_parameter(name, field, title) for name, (field, title) in fields.items()]
        parameters += [_former(name) for name in RENAMED]
        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # PEP 362
        wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
        return wrapper

    return decorate


def _parameter(name: str, field: FieldInfo, title: str) -> inspect.Parameter:
    default = field.default
    is_switch = isinstance(default, bool)
    shown = str(default) if default != "" else "none"
    for preset in PRESETS:
        if name in (values := preset_values(preset)):
            shown += f"; {preset}: {'required' if values[name] is None else values[name]}"
    option = typer.Option(
        None,
        *((f"{flag(name)}/--no-{flag(name)[2:]}",) if is_switch else (flag(name),)),
        help=field.description,
        show_default=shown,
        metavar=None if is_switch else type(default).__name__.upper(),
        rich_help_panel=title,
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=option,
        annotation=bool | None if is_switch else str | None,
    )


def _former(name: str) -> inspect.Parameter:
    # Known, so that its error can name the current one.
    option = typer.Option(None, flag(name), hidden=True)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=str | None
    )
