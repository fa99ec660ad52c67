import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
import typer
from pydantic import BaseModel, Field
from typer.testing import CliRunner

from pipeline.cli.app import app as captionflow
from pipeline.cli.setting_options import with_options


class Size(BaseModel):
    width: int = Field(3, description="How wide")
    round: bool = Field(False, description="Whether it is round")


class Place(BaseModel):
    labels: dict[str, str] = Field({"a": "b"}, description="Where it goes")


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()

    @made.command()
    @with_options(Size, Place)
    def main(
        size: dict[str, Any], place: dict[str, Any], name: Annotated[str, typer.Option()] = "x"
    ) -> None:
        """Prints what was given."""
        typer.echo(f"{size} {place} {name}")

    return made


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ([], "{} {} x"),
        # As text: the models check it.
        (["--width", "wide"], "{'width': 'wide'} {} x"),
        (["--no-round", "--labels", "{}", "--name", "y"], "{'round': False} {'labels': '{}'} y"),
    ],
)
def test_with_options_passes_given_values_by_model(
    app: typer.Typer, arguments: list[str], given: str
) -> None:
    assert CliRunner().invoke(app, arguments).output == f"{given}\n"


def test_with_options_describes_each_field(app: typer.Typer) -> None:
    message = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    assert "How wide" in message and "[default: (3)]" in message
    assert "Where it goes" in message


def _options(app: typer.Typer) -> Iterator[tuple[str, Any, Any]]:
    """Yields name, type and Typer's declaration of all options and arguments."""
    for command in app.registered_commands:
        assert command.callback is not None
        for parameter in inspect.signature(command.callback).parameters.values():
            if get_origin(parameter.annotation) is Annotated:
                kind, declaration = get_args(parameter.annotation)
                yield parameter.name, kind, declaration
    for group in app.registered_groups:
        assert group.typer_instance is not None
        yield from _options(group.typer_instance)


def test_no_path_is_checked_by_typer_which_reports_it_in_many_lines() -> None:
    paths = [
        (name, declaration)
        for name, kind, declaration in _options(captionflow)
        if Path in (kind, *get_args(kind))
    ]
    assert {name for name, _ in paths} == {"root", "config", "bundle", "output"}
    for name, path in paths:
        assert not (path.exists or path.readable or path.writable), name
