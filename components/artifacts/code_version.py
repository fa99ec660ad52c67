"""Fingerprints of code: a package, everything it imports, and the versions of the libraries used.

The cache of local runs, the trigger, checkpoints and the feature store all use it, so none of them
reuses a result of different code.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path

from components.artifacts.fingerprint import fingerprint_file, fingerprint_value

_PROJECT = Path(__file__).resolve().parents[2]
_PACKAGES = ("components", "pipeline")
_IGNORED = (".pyc", ".md")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_version(package: str) -> str:
    """Returns a fingerprint of a package's code.

    It covers all files in the package's folder, every module of this project that they import,
    directly or indirectly, and the versions of all libraries that these import. So existing
    features stay valid when the trainer changes, but not when TensorFlow does. Comments, docstrings
    and formatting do not count.

    Args:
        package: The dotted name of a package of this project, such as `components.train`.

    Returns:
        64 hex digits.

    Raises:
        FileNotFoundError: If there is no such package.
    """
    folder = _PROJECT.joinpath(*package.split("."))
    own = sorted(
        path for path in folder.rglob("*") if path.is_file() and path.suffix not in _IGNORED
    )
    if not own:
        raise FileNotFoundError(f"There is no package {package}")
    files, libraries = set(own), set[str]()
    pending = [path for path in own if path.suffix == ".py"]
    while pending:
        for name in _imported(pending.pop()):
            if name.partition(".")[0] not in _PACKAGES:
                libraries.add(name.partition(".")[0])
            elif (path := _module_file(name)) and path not in files:
                files.add(path)
                pending.append(path)
    distributions = _distributions()
    return fingerprint_value(
        {
            "files": sorted((p.relative_to(_PROJECT).as_posix(), _content(p)) for p in files),
            "libraries": sorted(
                {
                    (distribution, version(distribution))
                    for library in libraries - sys.stdlib_module_names
                    for distribution in distributions.get(library, ())
                }
            ),
            "python": sys.version_info[:2],
        }
    )


@cache
def _distributions() -> Mapping[str, list[str]]:
    # Takes a third of a second; the result is the same for all packages.
    return packages_distributions()


def _content(path: Path) -> str:
    if path.suffix != ".py":
        return fingerprint_file(path)
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            # In `from package import x`, x may be a module or a name in the package.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module_file(name: str) -> Path | None:
    path = _PROJECT.joinpath(*name.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)
