"""`captionflow compile`: the pipeline as a package for a cluster."""

from pathlib import Path
from typing import Annotated

import typer

from components.errors import SettingError
from pipeline.cli.errors import one_line_errors
from pipeline.cli.waiting import announce


def compile_package_file(
    output: Annotated[
        Path, typer.Option("--output", "-o", readable=False, help="YAML file to write.")
    ] = Path("build/captionflow.yaml"),
) -> None:
    """Compile the pipeline into a package for a cluster."""
    with one_line_errors():
        if output.suffix not in (".yaml", ".yml"):
            raise SettingError(f"output must end in .yaml. Received: {str(output)!r}")
        announce("Compiling the pipeline …")
        from pipeline.package import compile_package

        try:
            compile_package(output)
        except OSError as error:
            raise SettingError(f"output must be a writable file: {error}") from error
        typer.echo(output)
