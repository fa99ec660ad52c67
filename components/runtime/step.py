"""The KFP decorator of all steps: `@step(Group)`."""

import ast
import inspect
import itertools
import linecache
import textwrap
from collections.abc import Callable
from typing import Any

from kfp import dsl

from components.runtime.image import IMAGE
from components.settings.base import SettingsGroup

_numbers = itertools.count()


def step(*groups: type[SettingsGroup]) -> Callable[[Callable[..., Any]], Any]:
    """Makes a function a KFP component whose body runs in `IMAGE`, which contains this package.

    With groups, the function's first parameter, `settings`, is replaced by an input per setting, so
    no step declares a setting again. KFP reads a component's inputs from the function's signature
    and runs its source code, so the function is rewritten: it takes the inputs one by one, and
    begins with `settings = {"name": name, …}`.

    Args:
        groups: The settings groups of the step.

    Returns:
        The decorator.
    """
    fields = {name: field for group in groups for name, field in group.model_fields.items()}
    types = {name: type(field.default).__name__ for name, field in fields.items()}

    def decorate(function: Callable[..., Any]) -> Any:
        expanded = _expand(function, types) if types else function
        return dsl.component(expanded, base_image=IMAGE, install_kfp_package=False)

    return decorate


def _expand(function: Callable[..., Any], types: dict[str, str]) -> Callable[..., Any]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef) or definition.args.args[0].arg != "settings":
        raise TypeError(f"The first parameter of a step must be settings. Received: {function}")
    definition.decorator_list = []
    inputs = [ast.arg(name, ast.Name(kind, ast.Load())) for name, kind in types.items()]
    definition.args.args[:1] = inputs
    collected = ", ".join(f"{name!r}: {name}" for name in types)
    # After the docstring, which every step has.
    definition.body[1:1] = ast.parse(f"settings = {{{collected}}}").body
    text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    # KFP calls `inspect.getsource`, which reads code without a file from this cache.
    file = f"<{function.__module__}.{function.__name__} {next(_numbers)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace = dict(function.__globals__)
    exec(compile(text, file, "exec"), namespace)  # noqa: S102 # our own function, rewritten
    rewritten: Callable[..., Any] = namespace[function.__name__]
    return rewritten
