import os
import subprocess
import sys
from pathlib import Path

from pipeline.local.steps.lock import StepLock

_HOLDER = """
import sys, time
from pathlib import Path
from pipeline.local.steps.lock import StepLock
StepLock(Path(sys.argv[1])).acquire("key", lambda: None)
print("held", flush=True)
time.sleep(600)
"""


def _fail() -> None:
    raise AssertionError("it waits")


def test_step_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    ) as holder:  # fmt: skip
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        lock, waited = StepLock(tmp_path), list[int]()

        def kill() -> None:
            waited.append(1)
            holder.kill()

        lock.acquire("key", kill)
    assert waited
    lock.release()
    assert not list(tmp_path.iterdir())


def test_step_lock_of_another_result_does_not_wait_and_releases_the_first(tmp_path: Path) -> None:
    lock, other = StepLock(tmp_path), StepLock(tmp_path)
    lock.acquire("one", _fail)
    other.acquire("two", _fail)
    lock.acquire("three", _fail)
    other.acquire("one", _fail)
    assert {path.name for path in tmp_path.iterdir()} == {".one.lock", ".three.lock"}
