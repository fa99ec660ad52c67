"""Options generated from the fields of settings groups."""

import inspect
from collections.abc import Callable
from typing import Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from components.settings.base import flag, titled_fields
from components.settings.presets import PRESETS, preset_values
from components.settings.renamed import RENAMED, refuse_renamed
from pipeline.cli.errors import one_line_errors


def with_options(*models: type[BaseModel]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorates a Typer command so that it has an option for each field of the models.

    The command first takes one dictionary per model, with the values that the user gave, and then
    its own options. Values other than switches arrive as text; the models parse and check them.

    Args:
        models: Models whose fields have types that KFP supports: str, int, float, bool, dict.
    """
    fields = {
        name: (field, title) for model in models for name, field, title in titled_fields(model)
    }

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command).parameters.values())[len(models) :]

        def wrapper(**values: Any) -> None:
            options = {name: values.pop(name) for name in [*fields, *RENAMED]}
            given = {name: value for name, value in options.items() if value is not None}
            with one_line_errors():
                refuse_renamed(given)
            by_model = [
                {name: given[name] for name in model.model_fields if name in given}
                for model in models
            ]
            command(*by_model, **values)

        wrapper.__doc__ = command.__doc__
        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        parameters += [_parameter(name, field, title) for name, (field, title) in fields.items()]
        parameters += [_renamed(name) for name in RENAMED]
        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # PEP 362
        wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
        return wrapper

    return decorate


def _parameter(name: str, field: FieldInfo, title: str) -> inspect.Parameter:
    default = field.default
    is_switch = isinstance(default, bool)
    default_text = str(default) if default != "" else "none"
    for preset in PRESETS:
        if name in (values := preset_values(preset)):
            default_text += f"; {preset}: {'required' if values[name] is None else values[name]}"
    option = typer.Option(
        None,
        *((f"{flag(name)}/--no-{flag(name)[2:]}",) if is_switch else (flag(name),)),
        help=f"{field.description}.",
        show_default=default_text,
        metavar=None if is_switch else f"<{type(default).__name__}>",
        rich_help_panel=title,
    )
    return _keyword(name, option, bool | None if is_switch else str | None)


def _renamed(name: str) -> inspect.Parameter:
    # A hidden option, so that the error can give the new name.
    return _keyword(name, typer.Option(None, flag(name), hidden=True), str | None)


def _keyword(name: str, option: Any, kind: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=kind)
