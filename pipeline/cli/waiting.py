"""Says what a command is doing before it loads libraries, which takes seconds."""

import sys

import typer


def announce(text: str) -> None:
    """Prints a line on standard error if it is a terminal, where somebody is waiting.

    Args:
        text: What the command is doing, such as `Loading the model …`.
    """
    if sys.stderr.isatty():
        typer.echo(text, err=True)
