"""Runs of the pipeline that can be killed, and how much processor time their steps use."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

PROJECT = Path(__file__).parents[2]
#: The smallest settings with which all steps have something to do.
SETTINGS = (
    "--scenes", "48", "--encoder", "MobileNetV3Small", "--units", "16", "--epochs", "4",
    "--floors", "",
)  # fmt: skip
STARTED = re.compile(r"Executing task .*?'([\w-]+)'")
ENDED = re.compile(r"Task .*?'([\w-]+)'.* finished with status .*SUCCESS")
# Beginning of the name of a step's process.
_NAME = "step "
# Seconds. On a very busy machine, a step takes minutes to start.
_TIMEOUT = 3600.0


class Attempt:
    """A run of the pipeline in its own process group.

    Args:
        root: The work folder.
        settings: Settings of the run.
        confined: A command that starts the run with fewer rights; see `confined`.
    """

    def __init__(
        self, root: Path, settings: tuple[str, ...] = SETTINGS, confined: tuple[str, ...] = ()
    ) -> None:
        self._before = set((root / "logs").glob("*.log"))
        self._root = root
        # Beside the work folder, so that anything left there belongs to its runs.
        temporary = root.parent / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "MLFLOW_TRACKING_URI": "", "PYTHONPATH": str(PROJECT)}
        environment["TMPDIR"] = str(temporary)
        self.process = subprocess.Popen(
            [*confined, sys.executable, "-m", "pipeline.local", "--root", str(root), *settings],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=PROJECT,
            env=environment, start_new_session=True,
        )  # fmt: skip

    def log(self) -> str:
        """Returns the run's log; empty before it exists."""
        new = set((self._root / "logs").glob("*.log")) - self._before
        return max(new).read_text(errors="replace") if new else ""

    def wait_for(self, step: str) -> bool:
        """Waits until a step starts; returns whether it did before the run ended."""
        limit = time.monotonic() + _TIMEOUT
        while step not in STARTED.findall(self.log()):
            if self.process.poll() is not None or time.monotonic() > limit:
                return step in STARTED.findall(self.log())
            time.sleep(0.1)
        return True

    def wait_until(self, step: str, seconds: float) -> None:
        """Waits until a step that has started has used so much processor time, or has ended."""
        while self.process.poll() is None and step not in ENDED.findall(self.log()):
            running = running_step(self.process.pid)
            if running and running[0] == step and running[1] >= seconds:
                return
            time.sleep(0.1)

    def limit_files(self, step: str, size: int) -> None:
        """Waits for the process of a step, and then limits the size of the files that it can write.

        Args:
            step: A step that has started.
            size: In bytes. Writing beyond it is an error, as on a full disk.
        """
        while self.process.poll() is None and step not in ENDED.findall(self.log()):
            running = find_step(self.process.pid)
            if running and running[0] == step:
                with contextlib.suppress(psutil.NoSuchProcess):
                    for process in (running[1], *running[1].children(recursive=True)):
                        process.rlimit(psutil.RLIMIT_FSIZE, (size, size))
                return
            time.sleep(0.02)

    def kill(self) -> None:
        """Kills the whole process group."""
        with contextlib.suppress(ProcessLookupError):  # already ended
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def finish(self) -> tuple[int, str]:
        """Waits for the end of the run; returns the exit code and what it printed."""
        output, _ = self.process.communicate(timeout=_TIMEOUT)
        return self.process.returncode, output


def running_step(run: int) -> tuple[str, float] | None:
    """Returns the step that a run is executing, and the processor time that the step has used.

    Args:
        run: The id of the run's process.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        if running := find_step(run):
            step, process = running
            times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
            return step, sum(time.user + time.system for time in times)
    return None


def find_step(run: int) -> tuple[str, psutil.Process] | None:
    """Returns the step that a run is executing, and its process.

    Args:
        run: The id of the run's process.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(run).children(recursive=True):
            # The step's own process comes before those that it has started.
            if child.name().startswith(_NAME):
                return child.name().removeprefix(_NAME), child
    return None
