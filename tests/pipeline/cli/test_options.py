from typing import Annotated, Any

import pytest
import typer
from pydantic import BaseModel, Field
from typer.testing import CliRunner

from pipeline.cli.options import with_options


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
