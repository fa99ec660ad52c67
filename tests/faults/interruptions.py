"""What can happen to a run in the middle of a step."""

import random
import time

from attempts import ENDED, Attempt
from disks import Disk

#: Kinds of interruption, by their names on the command line.
KILL, POWER_CUT, FULL_DISK = "kill", "power-cut", "full-disk"
# Maximum file sizes, in bytes, on a disk that is "full".
_SIZES = (0, 1 << 12, 1 << 16)
_POLL = 0.05


def kill(attempt: Attempt, step: str, seconds: float) -> str:
    """Kills the process group of a run (SIGKILL), and returns the run's log.

    Args:
        attempt: The run; the step has started.
        step: The step.
        seconds: The processor time that the step uses before.
    """
    attempt.wait_until(step, seconds)
    attempt.kill()
    return attempt.log()


def cut_power(attempt: Attempt, step: str, seconds: float, disk: Disk) -> str:
    """Cuts the power of the disk with the work folder, and returns the run's log up to then.

    Args:
        attempt: The run; the step has started.
        step: The step.
        seconds: The processor time that the step uses before.
        disk: The disk.
    """
    attempt.wait_until(step, seconds)
    # Read before the cut, which loses most of the log.
    log = attempt.log()
    disk.power_off()
    attempt.kill()
    disk.power_on()
    return log


def fill_disk(attempt: Attempt, step: str, chance: random.Random) -> tuple[str, str]:
    """Limits the size of the files that a step writes, and waits for the end of the run.

    Args:
        attempt: The run; the step has started.
        step: The step. If the limit does not affect it, the run is killed after the step.
        chance: Draws the limit.

    Returns:
        The run's log, and what was wrong with the end of the run; empty if nothing was.
    """
    attempt.limit_files(step, chance.choice(_SIZES))
    while attempt.process.poll() is None and step not in ENDED.findall(attempt.log()):
        time.sleep(_POLL)
    if attempt.process.poll() is None and step in ENDED.findall(attempt.log()):
        attempt.kill()
        return attempt.log(), ""
    code, output = attempt.finish()
    last = (output.splitlines() or [""])[-1]
    if code == 1 and f"captionflow: {step}: " in last and "Traceback" not in output:
        return attempt.log(), ""
    return attempt.log(), f"exit code {code}: {output[-600:]}"
