"""The rules of the house: which imports are allowed, and imports have no side effects."""

import ast
import json
import os
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
# The rooms that each lower room of `components` may import. Steps and other rooms may import all of
# these rooms, but not one another.
LAYERS: dict[str, set[str]] = {
    "errors": set(),
    "markers": set(),
    "language_tag": set(),
    "storage": {"errors", "markers"},
    "settings": {"errors", "language_tag"},
    "artifacts": {"errors", "language_tag", "markers", "storage"},
    "registry": {"errors", "storage", "artifacts"},
    "captioning": {"errors", "settings", "artifacts"},
    "drift": {"errors", "storage", "artifacts", "captioning"},
    "runtime": {"errors", "storage", "settings", "artifacts", "registry"},
}
COMMANDS = (
    "run", "submit", "schedule", "schedules", "unschedule", "compile", "caption", "demo", "serve",
    "models", "features", "doctor",
)  # fmt: skip
STEPS = sorted(path.parent.name for path in (PROJECT / "components").glob("*/component.py"))
MODULES = sorted(
    path.relative_to(PROJECT).with_suffix("").as_posix().replace("/", ".")
    for folder in ("components", "pipeline")
    for path in (PROJECT / folder).rglob("*.py")
)


def _imports(module: str) -> set[str]:
    tree = ast.parse((PROJECT / f"{module.replace('.', '/')}.py").read_text())
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            source = resolve_name(relative, module.rpartition(".")[0])
            # The imported name may be a module: `from components import train`.
            names |= {source} | {f"{source}.{alias.name}" for alias in node.names}
    return names


def _room(module: str) -> str:
    return module.split(".")[1] if module.count(".") else ""


def test_house_has_all_steps() -> None:
    assert STEPS == [
        "embeddings", "evaluate", "features", "gate", "ingest",
        "normalize", "register", "rescore", "train", "trigger",
    ]  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_go_down(module: str) -> None:
    for name in _imports(module):
        if name.startswith("pipeline"):
            assert module.startswith("pipeline."), f"{module} imports {name}"
        elif name.startswith("components.") and module.startswith("components."):
            here, there = _room(module), _room(name)
            allowed = LAYERS.get(here, set(LAYERS)) | {here}
            assert there in allowed, f"{module} imports {name}"


def test_modules_import_in_no_circle() -> None:
    known = set(MODULES)
    graph = {module: (_imports(module) & known) - {module} for module in MODULES}
    # Raises CycleError with the modules of a circle.
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("mlflow", r"components\.(registry|register)\..*"),
        ("apache_beam", rf"components\.({'|'.join(STEPS)}|describing|runtime)\..*"),
        ("tensorflow_transform", r"components\.normalize\..*"),
        ("kfp", r"components\.\w+\.component|components\.runtime\.step|pipeline\..*"),
    ],
)
def test_library_stays_at_its_edge(library: str, allowed: str) -> None:
    users = [
        module
        for module in MODULES
        if any(name.partition(".")[0] == library for name in _imports(module))
    ]
    assert users, library
    assert [module for module in users if not re.fullmatch(allowed, module)] == []


@pytest.mark.parametrize("step", STEPS)
def test_body_of_a_step_imports_everything_before_it_calls_ready(step: str) -> None:
    # The call ends the start-up time: see `components.runtime.execution`.
    tree = ast.parse((PROJECT / "components" / step / "component.py").read_text())
    (block,) = (node for node in ast.walk(tree) if isinstance(node, ast.With))
    assert re.fullmatch(r"run_step\(.*\) as ready", ast.unparse(block.items[0]))
    statements = [ast.unparse(statement) for statement in block.body]
    begins = statements.index("ready()")
    assert begins > 0
    for place, statement in enumerate(block.body):
        assert isinstance(statement, ast.ImportFrom) == (place < begins), statements[place]


@pytest.mark.parametrize("step", STEPS)
def test_step_checks_all_its_input_artifacts(step: str) -> None:
    # `ready` checks those that `run_step` is given, so no step reads a damaged one.
    tree = ast.parse((PROJECT / "components" / step / "component.py").read_text())
    (function,) = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    inputs = [
        argument.arg
        for argument in function.args.args
        if ast.unparse(argument.annotation or ast.Constant("")).startswith("Input[")
    ]
    (call,) = (
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "run_step"
    )
    assert [ast.literal_eval(call.args[0]), *map(ast.unparse, call.args[1:])] == [step, *inputs]


def test_what_needs_no_tensorflow_loads_none(mlflow_root: Path, tmp_path: Path) -> None:
    # One process runs all tasks, in the order of what they load.
    ended = subprocess.run(
        [sys.executable, "-P", Path(__file__).with_name("without_tensorflow.py"), tmp_path],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    assert ended.returncode == 0, ended.stderr
    loaded = json.loads(ended.stdout.splitlines()[-1])
    helps = {f"{command} --help" for command in COMMANDS}
    assert {name: heavy for name, heavy in loaded.items() if heavy or name not in helps} == {
        "compile": [], "decide": [], "embeddings": [],
        "trigger": ["mlflow"], "rescore": ["mlflow"], "gate": ["mlflow"],
        "run --plan": ["mlflow"],
        "ingest": ["apache_beam", "mlflow"],
    }  # fmt: skip


def test_importing_everything_has_no_side_effect(tmp_path: Path) -> None:
    # All modules except the one that MLflow runs as a script, in an empty folder and without
    # settings: nothing may be written or printed. Without collections, it takes a third less time.
    modules = [name for name in MODULES if not name.endswith("model_code")]
    program = f"import gc; gc.disable(); import {', '.join(modules)}"
    home, empty = tmp_path / "home", tmp_path / "empty"
    home.mkdir()
    empty.mkdir()
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=empty,
        env={"PYTHONPATH": str(PROJECT), "TF_CPP_MIN_LOG_LEVEL": "3", "HOME": str(home)},
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == ""
    assert not list(empty.iterdir())  # libraries may write caches to the home folder
