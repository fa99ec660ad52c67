"""The error handler that all commands share."""

import errno
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from components.errors import CaptionflowError, SettingError

#: The exit code after Ctrl-C.
INTERRUPTED = 130
# No program can prevent these, and the system's message names the file and the reason. Any other
# `OSError`, such as a missing file, may be a defect, whose traceback is needed.
_REFUSALS = frozenset(
    (
        errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ELOOP, errno.EMFILE,
        errno.ENAMETOOLONG, errno.ENOSPC, errno.EPERM, errno.EROFS, errno.ESTALE,
    )
)  # fmt: skip


@contextmanager
def one_line_errors(
    interrupted: str = "stopped; run the same command to continue",
) -> Iterator[None]:
    """Runs a command's body; an error that is not a defect ends it with one line.

    Such errors are `CaptionflowError`s, with their exit codes, and refusals of the system, such as
    denied access to a file or a full disk. SIGTERM is treated like Ctrl-C.

    Args:
        interrupted: What to print when the command was interrupted.

    Raises:
        typer.Exit: If the body failed or was interrupted.
        RuntimeError: For an `EOFError`, a defect of which Typer would only print "Aborted."
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
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        print_error(str(error))
        raise typer.Exit(SettingError.exit_code) from None
    except EOFError as error:
        raise RuntimeError(f"EOFError: {error}") from error
    except KeyboardInterrupt:
        print_error(interrupted)
        raise typer.Exit(INTERRUPTED) from None


def print_error(message: str) -> None:
    """Prints a message on standard error as one line of this program."""
    typer.echo(f"captionflow: {printable(' '.join(message.split()))}", err=True)


def printable(text: str) -> str:
    """Returns a text with non-printable characters, such as control codes, escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
