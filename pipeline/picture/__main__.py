"""Draws the DAG: `python -m pipeline.picture`.

The picture is drawn from a package as a cluster gets it, so it shows what would run there. The
same package makes the same bytes on every machine: `--check` tells whether a picture is current.
"""

from pathlib import Path
from typing import Annotated

import typer

from components.artifacts.files import atomic_file
from components.errors import CaptionflowError, SettingError
from pipeline.picture.svg import draw

PICTURE = Path(".github/dag.svg")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    package: Annotated[
        Path | None, typer.Argument(help="A compiled pipeline; without one, this project's.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The SVG file.")] = PICTURE,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 if it is not current.")
    ] = False,
) -> None:
    """Draws the DAG from its compiled package."""
    try:
        picture = draw(package).encode()
    except CaptionflowError as error:
        typer.echo(f"captionflow: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    if not check:
        try:
            with atomic_file(output) as aside:
                aside.write_bytes(picture)
        except OSError as error:
            typer.echo(f"captionflow: output must be a file that can be written: {error}", err=True)
            raise typer.Exit(SettingError.exit_code) from None
    elif not output.is_file() or output.read_bytes() != picture:
        typer.echo(f"captionflow: {output} is not current: draw it anew without --check", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
