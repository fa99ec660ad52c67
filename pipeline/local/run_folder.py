"""The folder of a run, and what killed runs leave behind.

A run holds a lock (`flock`) on a file in its folder. The kernel releases the lock when the process
ends, for whatever reason. If a run's lock is free, a later run in the same work folder may
therefore remove what the earlier run left behind.
"""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from components.errors import CaptionflowError
from components.storage.durability import sync_tree
from pipeline.local.summary import ARTIFACTS
from pipeline.names import PIPELINE
from pipeline.plan import DEPEND_ON_REGISTRY

#: File in the folder of a run that has not ended or was killed; contains its temporary folder.
LOCK_FILE = ".running"

_TEMPORARY = f"{PIPELINE}-run-"
# kfp's executor writes this file when a step has ended without an error.
_FINISHED = "executor_output.json"
# Temporary names that `atomic_file`, `storage.upload` and kfp's cache use, by folder.
_ASIDES = {
    ".": ".*-report.html",
    "cache": ".*",
    "cache/last": ".*",
    "cache/times": ".*",
    "checkpoints": ".*.npz",
}


@dataclass(frozen=True)
class RunFolder:
    """The folders of a run.

    Attributes:
        path: Where kfp.local stores the artifacts of each step. Its name starts with the time in
            UTC, so names sort by time, and identifies the run.
        temporary: A folder for temporary files of the steps; removed when the run ends.
    """

    path: Path
    temporary: Path


@contextlib.contextmanager
def new_run_folder(root: Path) -> Iterator[RunFolder]:
    """Creates the folders of a new run, and marks the run as running until the block ends.

    If the block fails, everything that its steps did not finish is removed.

    Args:
        root: The work folder.

    Yields:
        The folders. The temporary one is outside the work folder, so that paths in it are short
        enough for sockets.
    """
    path = root / ARTIFACTS / f"{PIPELINE}-{datetime.now(UTC):%Y-%m-%d-%H-%M-%S-%f}Z"
    with _locked(root / ARTIFACTS):
        path.mkdir()
        lock = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        temporary = Path(tempfile.gettempdir(), f"{_TEMPORARY}{uuid4().hex[:8]}")
        os.write(lock, json.dumps(str(temporary)).encode())
        # The path is on the disk before the folder exists: otherwise, after a power cut, no later
        # run would know what to remove.
        sync_tree(path / LOCK_FILE)
        temporary.mkdir(mode=0o700)
        try:
            yield RunFolder(path, temporary)
        except KeyboardInterrupt:
            # Interrupted steps end their MLflow runs themselves.
            _remove_unfinished(path)
            raise
        except BaseException:  # also SystemExit
            _end(path)
            raise
        _remove_unfinished(path)
        (path / LOCK_FILE).unlink()
    finally:
        os.close(lock)


def clear_killed_runs(root: Path) -> list[str]:
    """Removes what killed runs left behind, except the results that the cache refers to.

    Removes unfinished artifacts, temporary folders, and models in MLflow that no version refers to.
    Marks MLflow runs that are still marked as running as killed. While another run is running,
    finished results stay, since it may be reading them.

    Args:
        root: The work folder.

    Returns:
        The names of the killed runs.
    """
    killed: list[Path] = []
    living = False
    with _locked(root / ARTIFACTS):
        for path in sorted((root / ARTIFACTS).glob(f"{PIPELINE}-*")):
            try:
                lock = os.open(path / LOCK_FILE, os.O_RDWR)
            except FileNotFoundError:
                _remove_hidden(path)
                continue
            except PermissionError:
                living = True  # another user's run, which may be running
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _end(path)
                killed.append(path)
            except BlockingIOError:
                living = True
            finally:
                os.close(lock)
        if not living:
            _remove_uncached(killed, root / "cache")
            for folder, pattern in _ASIDES.items():
                _remove(*(root / folder).glob(pattern))
    return [path.name for path in killed]


def _end(path: Path) -> None:
    """Removes what a run left behind, and its lock file."""
    from components.registry.ownership import close_run

    _remove_unfinished(path)
    try:
        close_run(path.name)
    except CaptionflowError:
        # MLflow can't be used. The lock file remains, so that a later run tries again.
        return
    (path / LOCK_FILE).unlink()
    with contextlib.suppress(OSError):
        path.rmdir()  # if no step has ended


def _remove_unfinished(path: Path) -> None:
    _remove_hidden(path)
    for step in path.iterdir():
        if step.is_dir() and not (step / _FINISHED).exists():
            _remove(step)
    with contextlib.suppress(OSError, ValueError):
        temporary = Path(json.loads((path / LOCK_FILE).read_text()))
        # Somebody may have edited the file: remove nothing but a temporary folder of a run.
        if temporary.name.startswith(_TEMPORARY) and not temporary.is_symlink():
            _remove(temporary)


def _remove_uncached(runs: Sequence[Path], cache: Path) -> None:
    """Removes results that were not cached yet when their run was killed: no run will use them.

    Args:
        runs: The folders of the runs.
        cache: The cache's folder. Its entries contain the paths of artifacts.
    """
    if not runs:
        return
    try:
        entries = "".join(entry.read_text(errors="replace") for entry in cache.glob("*.json"))
    except OSError:
        return  # an entry that is replaced now, or of another user
    for run in runs:
        for step in run.glob("*/"):
            # Some steps are never cached; the results that they finished stay.
            known = step.name in DEPEND_ON_REGISTRY or f"/{run.name}/{step.name}/" in entries
            if not known:
                _remove(step)
        with contextlib.suppress(OSError):
            run.rmdir()  # if nothing is left


def _remove_hidden(path: Path) -> None:
    # `atomic_directory` writes an artifact under a hidden name first.
    _remove(*path.glob("*/.*"))


def _remove(*paths: Path) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lets one process at a time create or remove run folders."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
