"""How a step's body starts, logs and ends; apart from the decorator, which no running step has."""

import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from components.errors import CaptionflowError
from components.runtime.retry_policy import raise_permanent_failure, record_permanent_failure

#: How the last line of a step begins that failed, and of one that did not.
FAILED_MARK, TOOK_MARK = "FAILED", "TOOK"


@contextmanager
def run_step(name: str) -> Iterator[Callable[[], None]]:
    """Runs a step's body: logs lines to standard output and ends errors in one clear line.

    The last line of a body that did not fail tells its start-up (Python, KFP's executor and all
    imports) apart from its work.

    A `CaptionflowError` exits with its own code and no traceback: its message says it all.
    Anything else is a defect: the traceback is printed first, the one-line summary last.

    Args:
        name: The step's name, as in the DAG.

    Yields:
        What the body calls when its imports are done: its work begins.

    Raises:
        SystemExit: If the body failed (code of the error) or was interrupted (130).
    """
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, force=True)
    start_up = _age()

    def ready() -> None:
        nonlocal start_up
        start_up = _age()

    try:
        with _own_lines(name):
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
    except Exception as error:  # the outermost frame of a step: whatever it was, one line last
        traceback.print_exc(file=sys.stdout)
        _fail(name, f"{type(error).__name__}: {error}", 1)
    work = _age() - start_up
    _last_line(f"{TOOK_MARK} {name}: {start_up:.1f} s to start, {work:.1f} s of work")


def _age() -> float:
    """Returns the seconds since this process was started."""
    if sys.platform != "linux":
        import psutil

        return time.time() - psutil.Process().create_time()
    # On Linux psutil adds the moment of the last boot, known to the second only. See proc(5): the
    # 22nd field, in ticks since then; the second is a name in brackets, and may hold anything.
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def _own_lines(name: str) -> Iterator[None]:
    # Our own lines bear the step's name: by it a reader, and the local runner, tell them from
    # what libraries say.
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter(f"[{name}] %(message)s"))
    own = logging.getLogger("components")
    own.addHandler(handler)
    own.setLevel(logging.INFO)
    own.propagate = False
    try:
        yield
    finally:
        own.removeHandler(handler)
        own.propagate = True


def _fail(name: str, message: str, code: int) -> None:
    # One line, whatever the message held: it is what a user is shown.
    _last_line(f"{FAILED_MARK} {name}: {' '.join(message.split())}")
    raise SystemExit(code)


def _last_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
