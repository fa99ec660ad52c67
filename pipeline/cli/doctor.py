"""`captionflow doctor`: whether the pipeline can work here."""

import sys
from typing import Annotated

import typer

from pipeline.cli.errors import one_line_errors


def doctor(
    store: Annotated[
        list[str] | None,
        typer.Option(help="A path that must be readable: local, gs:// or s3://; repeatable."),
    ] = None,
    quick: Annotated[
        bool, typer.Option(help="Skip GPUs, and writing to MLflow's artifact store.")
    ] = False,
) -> None:
    """Check versions, devices and stores; exit with 1 if something is wrong."""
    with one_line_errors():
        from rich.console import Console
        from rich.markup import escape

        from pipeline.doctor.checks import examine

        console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        healthy = True
        for found in examine(store or (), quick=quick):
            mark = "[green]ok   [/]" if found.ok else "[red]wrong[/]"
            console.print(f"{mark} {found.subject:<20} {escape(found.detail)}")
            healthy &= found.ok
        raise typer.Exit(0 if healthy else 1)
