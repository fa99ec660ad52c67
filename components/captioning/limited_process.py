"""Runs a program on untrusted data in a process of its own, whose time and memory are limited."""

import os
import signal
import subprocess
import sys
from pathlib import Path

_MAIN = Path(__file__).with_name("limited_main.py")
# On a busy machine, a process gets the processor for only a small part of the time.
_TIMES_BUSY = 10


class LimitedProcessError(Exception):
    """The process failed, crashed or took too long; says why in a clause."""


def run_limited(
    program: Path, *arguments: str, memory: int, seconds: float, content: bytes = b""
) -> str:
    """Runs the function `run` of a program, see `limited_main`.

    Args:
        program: A Python file that imports nothing from this package.
        arguments: For `run`, after the content.
        memory: Bytes that it may allocate in addition to what its imports and the content take.
        seconds: Limit of its processor time; it may run for ten times as long in all, so that
            valid data are not rejected on a busy machine.
        content: Untrusted data for `run`.

    Returns:
        What `run` returned.

    Raises:
        LimitedProcessError: If `run` raised an exception, or the process crashed or was stopped.
        OSError: If no process can be started.
    """
    late = f"it has no result after {seconds:.0f} s"
    try:
        ended = subprocess.run(  # noqa: S603 # a program of ours; the data is only its input
            [sys.executable, "-P", str(_MAIN), str(program), str(memory), str(seconds), *arguments],
            input=content,
            capture_output=True,
            check=False,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # each thread takes memory
            timeout=_TIMES_BUSY * seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise LimitedProcessError(late) from error
    if ended.returncode == -signal.SIGXCPU:
        raise LimitedProcessError(late)
    output = ended.stdout.decode(errors="replace").strip()
    if ended.returncode:
        raise LimitedProcessError(output or f"the process ended with {ended.returncode}")
    return output
