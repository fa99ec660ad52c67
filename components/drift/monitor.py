"""A drift monitor: do the photos of the latest requests resemble the training photos?"""

import logging
import os
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock, get_native_id
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.drift.mmd import LARGEST_SAMPLE, mmd_test

logger = logging.getLogger(__name__)

#: The test is repeated after this many further photos.
EVERY = 100

# The same training photos are drawn each time, so that only the requests change p-values.
_SEED = 0
# Niceness of the test's thread, which gets only processor time that others leave (Linux).
_NICENESS = 19


class DriftOutcome(NamedTuple):
    """The outcome of the last test.

    Attributes:
        p_value: See `mmd.TwoSampleTest`.
        photos: Number of distinct photos tested.
    """

    p_value: float
    photos: int


class DriftMonitor:
    """Tests the latest photos for drift, in a background thread of low priority.

    Only the features of the latest photos are kept, in memory. A photo that was requested several
    times counts once, because the test assumes independence.

    Args:
        training: The training photos' features, float16 [M, D], at least two rows.
        min_photos: Fewer distinct photos are not tested; at least 2, at most `window`.
        window: Number of latest photos.
        every: See `EVERY`.
    """

    def __init__(
        self,
        training: NDArray[Any],
        *,
        min_photos: int,
        window: int = LARGEST_SAMPLE,
        every: int = EVERY,
    ) -> None:
        self._training, self._min_photos, self._every = training, min_photos, every
        self._latest: deque[NDArray[np.float16]] = deque(maxlen=window)  # each [D]
        self._untested = 0
        self._testing = False
        self._outcome: DriftOutcome | None = None
        self._lock = Lock()
        # The thread starts with the first test.
        self._thread = ThreadPoolExecutor(1, "drift", initializer=_lower_priority)

    @property
    def outcome(self) -> DriftOutcome | None:
        """The outcome of the last test; None if there were too few distinct photos."""
        return self._outcome

    def add(self, features: NDArray[np.float16]) -> None:
        """Adds photos, and starts a test if one is due and none is running; never waits for it.

        Args:
            features: float16 [N, D].
        """
        with self._lock:
            self._latest.extend(features.copy())
            self._untested += len(features)
            if self._untested < self._every or self._testing:
                return
            self._untested, self._testing = 0, True
            latest = list(self._latest)
        # Closed meanwhile: a batch may end after the server has stopped.
        with suppress(RuntimeError):
            self._thread.submit(self._test, latest)

    def close(self) -> None:
        """Starts no further test; a running one ends in the background, within seconds."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _test(self, latest: list[NDArray[np.float16]]) -> None:
        try:
            requests = np.unique(np.stack(latest), axis=0)
            self._outcome = (
                DriftOutcome(mmd_test(self._training, requests, seed=_SEED).p_value, len(requests))
                if len(requests) >= self._min_photos
                else None
            )
        except Exception:  # outermost frame of a thread: captions must go on
            self._outcome = None
            logger.exception("The drift test failed")
        finally:
            with self._lock:
                self._testing = False


def _lower_priority() -> None:
    # On Linux a thread has a niceness of its own; elsewhere this would change the whole process's.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, get_native_id(), _NICENESS)
