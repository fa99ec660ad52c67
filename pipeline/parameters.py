"""Declares the fields of pydantic models as the parameters of a KFP pipeline."""

import inspect
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel


class Parameters:
    """A pipeline's parameters while KFP traces it: placeholders for the values of a run."""

    def __init__(self, channels: dict[str, Any]) -> None:
        self._channels = channels

    def __getitem__(self, name: str) -> Any:
        """Returns one parameter."""
        return self._channels[name]

    def of(self, group: type[BaseModel]) -> dict[str, Any]:
        """Returns the parameters of a settings group, to pass to a step."""
        return {name: self._channels[name] for name in group.model_fields}


def parameters_of(*models: type[BaseModel]) -> Callable[[Callable[[Parameters], Any]], Any]:
    """Decorates a pipeline function so that it has a parameter for each field of the models.

    KFP reads the parameters' names, types, defaults and descriptions from the signature and the
    docstring, which are generated from the fields.

    Args:
        models: Models whose fields have types that KFP supports: str, int, float, bool, dict.

    Returns:
        The decorator.
    """
    fields = {name: field for model in models for name, field in model.model_fields.items()}

    def decorate(function: Callable[[Parameters], Any]) -> Callable[..., Any]:
        def pipeline(*channels: Any) -> Any:
            return function(Parameters(dict(zip(fields, channels, strict=True))))

        parameters = [
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=field.default,
                annotation=type(field.default),
            )
            for name, field in fields.items()
        ]
        pipeline.__name__ = function.__name__
        outputs = inspect.signature(function).return_annotation
        signature = inspect.Signature(parameters, return_annotation=outputs)
        pipeline.__signature__ = signature  # type: ignore[attr-defined] # PEP 362
        descriptions = "\n".join(f"    {name}: {f.description}" for name, f in fields.items())
        pipeline.__doc__ = f"{function.__doc__}\n\nArgs:\n{descriptions}\n"
        return pipeline

    return decorate
