"""Says what a command is doing before it loads libraries, which takes seconds."""

import sys

import typer


def announce(text: str) -> None:
    """Prints a line on standard error if that is a terminal: logs and pipes have nobody waiting.

    Args:
        text: What takes time now, such as `Loading the model …`.
    """
    if sys.stderr.isatty():
        typer.echo(text, err=True)
