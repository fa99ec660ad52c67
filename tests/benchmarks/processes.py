"""Runs each measurement in a separate process, so that none inherits memory or settings."""

import multiprocessing
import os
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from pipeline.local.environment import MALLOC

_STATUS = Path("/proc/self/status")

Result = TypeVar("Result")


def alone(function: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    """Calls a module-level function in a new process, and returns its result."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *arguments, **named).result()


def as_step(function: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    """Like `alone`, with the glibc settings of the pipeline's steps."""
    with mock.patch.dict(os.environ, MALLOC):
        return alone(function, *arguments, **named)


def peak_memory() -> float:
    """Returns the peak resident set size of this process in MiB."""
    if _STATUS.exists():
        # On Linux, getrusage includes the time before exec, that is, the memory of the parent.
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024  # kB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024
