"""`captionflow doctor`: checks what the pipeline needs on this machine."""

import sys
from typing import Annotated

import typer

from pipeline.cli.errors import one_line_errors
from pipeline.cli.waiting import announce


def doctor(
    store: Annotated[
        list[str] | None,
        typer.Option(help="Path to check for read access: local, gs:// or s3://; repeatable."),
    ] = None,
    quick: Annotated[
        bool, typer.Option(help="Skip the GPUs, and writing to MLflow's artifact store.")
    ] = False,
) -> None:
    """Check versions, devices, MLflow and stores; exit with 1 if a check fails."""
    with one_line_errors():
        announce("Checking this machine …")
        from rich.console import Console
        from rich.markup import escape

        from pipeline.doctor.checks import examine

        console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        healthy = True
        for finding in examine(store or (), quick=quick):
            mark = "[green]ok    [/]" if finding.ok else "[red]failed[/]"
            console.print(f"{mark} {finding.subject:<20} {escape(finding.detail)}")
            healthy &= finding.ok
        raise typer.Exit(0 if healthy else 1)
