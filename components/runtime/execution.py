"""Runs a step's body: start, log and end. Separate from the decorator, which imports KFP's SDK."""

import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from components.artifacts.checksums import Artifact, check_input
from components.errors import CaptionflowError
from components.runtime.retry_policy import raise_permanent_failure, record_permanent_failure

#: First word of a step's last line, if it failed and if it succeeded.
FAILED_MARK, TOOK_MARK = "FAILED", "TOOK"


@contextmanager
def run_step(name: str, *inputs: Artifact) -> Iterator[Callable[[], None]]:
    """Runs a step's body: logs to standard output and reports errors in one line.

    The last line of a step that succeeds has the times of its start-up (Python, KFP's executor and
    imports; a local run has done all that before) and of its work.

    A `CaptionflowError` exits with its own code and without a traceback: its message is enough.
    Any other error is a defect: its traceback is printed, then a summary in one line. SIGTERM, with
    which Kubernetes ends a pod, interrupts the body like Ctrl-C.

    Args:
        name: The step's name, as in the DAG.
        inputs: All artifacts that the body reads.

    Yields:
        A function that the body calls after its imports, when its work begins. It checks the inputs
        first: a damaged one is a `DataError`.

    Raises:
        SystemExit: If the body failed (with the error's code) or was interrupted (130).
    """
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, force=True)
    start_up = _age()
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)

    def ready() -> None:
        nonlocal start_up
        start_up = _age()
        for artifact in inputs:
            check_input(artifact)

    try:
        with _step_logging(name):
            raise_permanent_failure(name)
            try:
                yield ready
            except CaptionflowError as error:
                record_permanent_failure(name, error)
                raise
    except CaptionflowError as error:
        _fail(name, str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail(name, "interrupted", 130)
    except Exception as error:  # outermost frame of a step: any error ends in one line
        traceback.print_exc(file=sys.stdout)
        _fail(name, f"{type(error).__name__}: {error}", 1)
    finally:
        signal.signal(signal.SIGTERM, previous)
    work = _age() - start_up
    _last_line(f"{TOOK_MARK} {name}: {start_up:.1f} s to start, {work:.1f} s of work")


def _age() -> float:
    """Returns the age of this process in seconds."""
    if sys.platform != "linux":
        import psutil

        return time.time() - psutil.Process().create_time()
    # On Linux psutil adds the boot time, which has a resolution of one second. So read field 22 of
    # proc(5), in clock ticks since boot. Field 2, a name in brackets, may contain any character.
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def _step_logging(name: str) -> Iterator[None]:
    # Prefix our own lines with the step's name; readers and the local runner distinguish them from
    # libraries' output by it.
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter(f"[{name}] %(message)s"))
    logger = logging.getLogger("components")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = True


def _fail(name: str, message: str, code: int) -> None:
    # On one line, whatever the message contains: users are shown this line.
    _last_line(f"{FAILED_MARK} {name}: {' '.join(message.split())}")
    raise SystemExit(code)


def _last_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
