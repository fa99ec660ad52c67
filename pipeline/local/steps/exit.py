"""Explains why the process of a step ended without an error message."""

import signal
from pathlib import Path

# Files in which the kernel counts the processes that it killed because memory ran out: in this
# container (Linux control groups v2), and on the whole machine.
_COUNTERS = (Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat"))

_REASONS = {
    signal.SIGTERM: "Another program terminated it.",
    signal.SIGXFSZ: "A file exceeded the size limit (ulimit -f).",
    signal.SIGBUS: "A file that it was using was truncated; the disk may be full.",
    signal.SIGILL: "A library needs instructions that this processor does not have.",
}
_CRASHED = "A library crashed."
_OUT_OF_MEMORY = "Memory ran out: the kernel killed it (out-of-memory killer). "
_SIGKILL = "Most likely memory ran out, unless someone killed it. "
_FREE_MEMORY = "Close other programs, or use a machine with more memory{}"
# Settings that reduce the memory that a step needs.
_SETTINGS = {"features": "--encoder-batch", "train": "--batch-size"}


def count_oom_kills(counters: tuple[Path, ...] = _COUNTERS) -> int:
    """Returns how many processes the kernel has killed because memory ran out.

    Args:
        counters: The files to read; those that don't exist are skipped.
    """
    count = 0
    for path in counters:
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        count += sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
    return count


def explain_exit(step: str, code: int, *, last_line: str, oom_kills: int) -> str:
    """Returns the error message for a step whose process ended without one.

    Args:
        step: The step.
        code: Its exit code; negative: the signal that ended it.
        last_line: The last line that it printed; may be empty.
        oom_kills: How many processes the kernel has killed for lack of memory since the step began.
    """
    last = f" Its last line: {last_line}" if last_line else ""
    if code >= 0:
        return f"{step}: ended with exit code {code} and without an error message.{last}"
    try:
        ended_by = signal.Signals(-code)
    except ValueError:
        # A real-time signal.
        return f"{step}: ended by signal {-code}.{last}"
    if ended_by == signal.SIGKILL:
        setting = f", or lower {_SETTINGS[step]}" if step in _SETTINGS else ""
        cause = _OUT_OF_MEMORY if oom_kills else _SIGKILL
        reason = cause + _FREE_MEMORY.format(setting) + "."
    else:
        reason = _REASONS.get(ended_by, _CRASHED)
    named = f"signal {-code} ({ended_by.name})"
    return f"{step}: ended by {named}. {reason} Run the same command to continue.{last}"
