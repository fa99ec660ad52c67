"""Locks that keep runs in one work folder from doing the same work twice."""

import contextlib
import fcntl
import os
from collections.abc import Callable
from pathlib import Path


class StepLock:
    """A lock on a step's result; it locks one result at a time.

    Args:
        folder: The folder of the lock files. Their names are hidden, and they exist only while a
            lock is held; a file left by a killed process is not locked.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path: Path | None = None
        self._descriptor = -1

    def acquire(self, key: str, on_wait: Callable[[], None]) -> None:
        """Acquires the lock of a result, and releases the one that was held before.

        Args:
            key: The result.
            on_wait: Called before waiting, if another process or `StepLock` holds the lock.
        """
        self.release()
        path = self._folder / f".{key}.lock"
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    on_wait()
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                # The previous holder may have removed the file; a lock on it is then worthless.
                if _is_file(path, descriptor):
                    self._path, self._descriptor = path, descriptor
                    return
            except BaseException:  # also an interruption
                os.close(descriptor)
                raise
            os.close(descriptor)

    def release(self) -> None:
        """Releases the lock that is held, if there is one."""
        if self._path is None:
            return
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)
        self._path = None


def _is_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
