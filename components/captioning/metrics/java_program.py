"""Java programs: their version, how long they may take, and why they failed."""

import re
import shutil
import subprocess

# In seconds, for the start of a program: METEOR took 20 on two busy cores, and 300 with low
# priority beside nine other processes.
_START = 1800.0
# ... for the answer to `java -version`, and at most, so that two programs fit into the time limit
# of the step on a cluster (`pipeline/kubernetes.py`).
_VERSION, _LONGEST = 60.0, 6000.0


class JavaError(ValueError):
    """A Java program failed, was too slow, or gave an unusable answer; the message says which."""


def time_limit(captions: int, seconds_each: float) -> float:
    """Returns how many seconds a program may take.

    Args:
        captions: How many captions it reads, references included.
        seconds_each: Seconds for each of them.
    """
    return min(_LONGEST, _START + captions * seconds_each)


def too_slow(limit: float) -> JavaError:
    """Returns the error for a program that was stopped after a number of seconds."""
    return JavaError(f"no answer after {limit:.0f} s")


def failure(exit_code: int, stderr: str) -> JavaError:
    """Returns the error for a program that failed.

    Args:
        exit_code: Its exit code.
        stderr: What it wrote: of a stack trace, the root cause is the message.
    """
    lines = [line.strip() for line in stderr.splitlines()]
    causes = [line for line in lines if line.startswith("Caused by:")]
    others = [line for line in lines if line and not line.startswith(("at ", "... "))]
    cause = (causes or others or ["no message"])[-1].removeprefix("Caused by:").strip()
    return JavaError(f"exit code {exit_code}, {cause}")


def java_version() -> int | None:
    """Returns the number of Java's version, such as 8 or 17; None if it does not tell."""
    program = shutil.which("java")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 # no user input
            [program, "-version"], capture_output=True, timeout=_VERSION, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    # Version 8 calls itself 1.8.
    found = re.search(rb'version "(?:1\.)?(\d+)', done.stderr)
    return int(found[1]) if found else None
