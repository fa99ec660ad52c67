"""Lets one process at a time register models in the MLflow store of a work folder."""

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator

from components.registry.client import sqlite_file, tracking_uri
from components.registry.sqlite_store import ARTIFACTS

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def registration_lock() -> Iterator[None]:
    """Waits while another process registers a model in the same store, and keeps others waiting.

    Two runs at once that reuse the same training would otherwise both find no version of it, and
    both create one. With an MLflow server nothing is locked: there the runs of a cluster register,
    and each has a training run of its own.

    Raises:
        SettingError: If `MLFLOW_TRACKING_URI` is not set.
    """
    database = sqlite_file(tracking_uri())
    if database is None:
        yield
        return
    folder = database.parent / ARTIFACTS
    folder.mkdir(parents=True, exist_ok=True)
    # The kernel releases the lock when the process ends, for whatever reason.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("Waiting for another run that is registering a model")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
