"""Checks the stored notebooks: no output, short cells, no definitions."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = ("01_explore_data", "02_inspect_captions")
_MAGIC = "%matplotlib inline\n"
_MAY_IMPORT = {"components", "pipeline", "matplotlib", "pandas", *sys.stdlib_module_names}


def _read(name: str) -> NotebookNode:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _nodes(name: str) -> Iterator[ast.AST]:
    for cell in _code(_read(name)):
        yield from ast.walk(ast.parse(cell.source.removeprefix(_MAGIC)))


def test_notebooks_are_complete() -> None:
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_notebook_is_stored_without_output(name: str) -> None:
    notebook = _read(name)
    nbformat.validate(notebook)
    for cell in _code(notebook):
        assert not cell.outputs
        assert cell.execution_count is None
        assert set(cell.metadata) <= {"tags"}
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


@pytest.mark.parametrize("name", NAMES)
def test_notebook_cells_are_short_and_named(name: str) -> None:
    notebook = _read(name)
    # Readable names: editors keep the id of a cell when they save it.
    assert all(re.fullmatch("[a-z]+(-[a-z]+)*", cell.id) for cell in notebook.cells)
    assert all(len(cell.source.splitlines()) <= 12 for cell in _code(notebook))


@pytest.mark.parametrize("name", NAMES)
def test_notebook_defines_nothing(name: str) -> None:
    imported = set()
    for node in _nodes(name):
        assert not isinstance(
            node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
        ), ast.unparse(node)
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported |= {alias.asname or alias.name for alias in node.names}
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr):
            # Not even an alias of an imported function.
            assert not (isinstance(node.value, ast.Name) and node.value.id in imported)


@pytest.mark.parametrize("name", NAMES)
def test_notebook_imports_only_the_project_and_plotting_libraries(name: str) -> None:
    roots = set()
    for node in _nodes(name):
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            roots.add(str(node.module).partition(".")[0])
    assert roots <= _MAY_IMPORT
    assert roots >= {"components", "pipeline"}


@pytest.mark.parametrize("name", NAMES)
def test_notebook_has_one_cell_of_plain_parameters(name: str) -> None:
    (cell,) = [cell for cell in _code(_read(name)) if cell.metadata.get("tags") == ["parameters"]]
    parameters = {}
    for statement in ast.parse(cell.source).body:
        assert isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
        parameters[statement.targets[0].id] = ast.literal_eval(statement.value)
    assert parameters == {"root": "../runs", "run": "*"}
