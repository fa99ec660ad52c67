"""Fingerprints of code: a package or module, all it imports, and the versions of its libraries.

The cache of local runs, the trigger, checkpoints and the feature store all use it, so none of them
reuses a result of different code.
"""

import ast
import hashlib
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path

from components.artifacts.fingerprint import fingerprint_file, fingerprint_value

_PROJECT = Path(__file__).resolve().parents[2]
_PACKAGES = ("components", "pipeline")
_CACHE = "__pycache__"  # also holds temporary files while Python compiles
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_version(name: str) -> str:
    """Returns a fingerprint of the code of a package or a module.

    It covers all files in the package's folder, or the module alone; every module of this project
    that they import, directly or indirectly; and the versions of all libraries that these import.
    So existing features stay valid when the trainer changes, but not when TensorFlow does.
    Comments, docstrings and formatting do not count.

    Args:
        name: The dotted name of a package of this project, such as `components.train`, or of a
            module.

    Returns:
        64 hex digits.

    Raises:
        FileNotFoundError: If there is no such package or module.
    """
    folder = _PROJECT.joinpath(*name.split("."))
    module = folder.with_suffix(".py")
    own = sorted(
        path
        for path in (module, *folder.rglob("*"))
        if path.is_file() and path.suffix != ".md" and _CACHE not in path.parts
    )
    if not own:
        raise FileNotFoundError(f"There is no package or module {name}")
    contents = {path: fingerprint_file(path) for path in own if path.suffix != ".py"}
    pending = [path for path in own if path.suffix == ".py"]
    names, libraries = set[str](), set[str]()
    while pending:
        path = pending.pop()
        if path in contents:
            continue
        contents[path], imported = _parse(path.read_bytes())
        for each in imported - names:
            if each.partition(".")[0] not in _PACKAGES:
                libraries.add(each.partition(".")[0])
            elif file := _module_file(each):
                pending.append(file)
        names |= imported
    distributions = library_distributions()
    return fingerprint_value(
        {
            "files": sorted((p.relative_to(_PROJECT).as_posix(), c) for p, c in contents.items()),
            "libraries": sorted(
                {
                    (distribution, _version(distribution))
                    for library in libraries - sys.stdlib_module_names
                    for distribution in distributions.get(library, ())
                }
            ),
            "python": sys.version_info[:2],
        }
    )


@cache
def library_distributions() -> Mapping[str, list[str]]:
    """Returns the distributions of each installed library, by the name that is imported.

    Takes a third of a second, for lists of all files of all libraries are read; once per process.
    """
    return packages_distributions()


@cache
def _version(distribution: str) -> str:
    return version(distribution)


@cache
def _parse(source: bytes) -> tuple[str, frozenset[str]]:
    """Returns the fingerprint of a module without its docstrings, and the names that it imports.

    Most modules belong to the code of several packages, and each is parsed once per process.
    """
    tree = ast.parse(source)
    names = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            # In `from package import x`, x may be a module or a name in the package.
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), frozenset(names)


def _module_file(name: str) -> Path | None:
    path = _PROJECT.joinpath(*name.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)
