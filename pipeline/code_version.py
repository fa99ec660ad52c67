"""The version of a step's code: what it would run, no more and no less."""

import ast
import hashlib
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path

from components.platform.fingerprint import fingerprint_file, fingerprint_value

_PROJECT = Path(__file__).resolve().parent.parent
_PACKAGES = ("components", "pipeline")


def code_version(step: str) -> str:
    """Fingerprints the code behind a step.

    All files of the step's folder count, every module of this project that they import, however
    far down, and the version of each library that any of them imports. So a change in training
    leaves the features of yesterday valid, and a new TensorFlow does not.

    Args:
        step: The name of a folder in `components`.

    Returns:
        64 hex digits.

    Raises:
        FileNotFoundError: If there is no such step.
    """
    folder = _PROJECT / "components" / step
    own = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    if not own:
        raise FileNotFoundError(f"No step of this name: {step}")
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
    # A third of a second, and the same for all steps.
    return packages_distributions()


def _content(path: Path) -> str:
    # Layout and comments are no change of what runs.
    if path.suffix != ".py":
        return fingerprint_file(path)
    return hashlib.sha256(ast.dump(ast.parse(path.read_bytes())).encode()).hexdigest()


def _imported(path: Path) -> set[str]:
    names = set[str]()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from package import x`: x may be a module or a name in the package.
            names.update((node.module, *(f"{node.module}.{alias.name}" for alias in node.names)))
    return names


def _module_file(name: str) -> Path | None:
    path = _PROJECT.joinpath(*name.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)
