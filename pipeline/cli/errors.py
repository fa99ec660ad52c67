"""The error handler that all commands share."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from components.errors import CaptionflowError

#: The exit code after Ctrl-C.
INTERRUPTED = 130


@contextmanager
def one_line_errors(
    interrupted: str = "stopped; run the same command to continue",
) -> Iterator[None]:
    """Runs a command's body; a `CaptionflowError` ends it with one line and the error's exit code.

    SIGTERM is treated like Ctrl-C.

    Args:
        interrupted: What to print when the command was interrupted.

    Raises:
        typer.Exit: If the body failed or was interrupted.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except CaptionflowError as error:
        # A message may start with lines of context; the error itself is the last one.
        *context, message = str(error).splitlines() or [type(error).__name__]
        for line in context:
            typer.echo(line, err=True)
        print_error(message)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        print_error(interrupted)
        raise typer.Exit(INTERRUPTED) from None


def print_error(message: str) -> None:
    """Prints a message on standard error as one line of this program."""
    typer.echo(f"captionflow: {printable(' '.join(message.split()))}", err=True)


def printable(text: str) -> str:
    """Returns a text with non-printable characters, such as control codes, escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
