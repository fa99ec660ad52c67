import errno
import os
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli.errors import one_line_errors


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer(pretty_exceptions_enable=False)

    @made.command()
    def main(number: Annotated[int, typer.Argument()]) -> None:
        with one_line_errors():
            raise OSError(number, os.strerror(number), "photos\n/dog.jpg")

    return made


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC, errno.ENAMETOOLONG])
def test_one_line_errors_reports_what_the_system_refuses(app: typer.Typer, number: int) -> None:
    ended = CliRunner().invoke(app, [str(number)])
    assert ended.exit_code == 2
    (line,) = ended.stderr.splitlines()
    assert "dog.jpg" in line and os.strerror(number) in line


def test_one_line_errors_keeps_the_traceback_of_a_file_that_ends_early() -> None:
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    def main() -> None:
        with one_line_errors():
            # What Python raises if it compiled a module while the disk was full.
            raise EOFError("marshal data too short")

    ended = CliRunner().invoke(app, [])
    assert isinstance(ended.exception, RuntimeError) and "EOFError" in str(ended.exception)
    assert "Aborted" not in ended.output


def test_one_line_errors_keeps_the_traceback_of_a_missing_file(app: typer.Typer) -> None:
    assert isinstance(CliRunner().invoke(app, [str(errno.ENOENT)]).exception, FileNotFoundError)
