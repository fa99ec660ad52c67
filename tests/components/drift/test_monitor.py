import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from components.drift import monitor as monitor_module
from components.drift.mmd import TwoSampleTest, mmd_test
from components.drift.monitor import DriftMonitor, DriftOutcome


def _photos(count: int, seed: int, shift: float = 0.0) -> NDArray[np.float16]:
    drawn = np.random.default_rng(seed).normal(shift, 1, (count, 8))
    return drawn.astype(np.float16)


TRAINING = _photos(60, 1)


@contextmanager
def _monitor(**changed: Any) -> Iterator[DriftMonitor]:
    monitor = DriftMonitor(TRAINING, **{"min_photos": 10, "window": 30, "every": 20, **changed})
    try:
        yield monitor
    finally:
        monitor.close()


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def _p_value(photos: NDArray[np.float16]) -> float:
    return mmd_test(TRAINING, np.unique(photos, axis=0), seed=0).p_value


def test_monitor_tests_when_enough_photos_came_and_again_after_as_many() -> None:
    like, unlike = _photos(20, 2), _photos(20, 3, shift=2)
    with _monitor() as monitor:
        for batch in np.split(like, 4)[:3]:
            monitor.add(batch)
        assert monitor.outcome is None
        monitor.add(like[15:])
        _wait(lambda: monitor.outcome is not None)
        assert monitor.outcome == DriftOutcome(_p_value(like), 20)
        _wait(lambda: not monitor._testing)
        monitor.add(unlike)
        # The latest 30 of 40.
        latest = np.concatenate([like[10:], unlike])
        _wait(lambda: monitor.outcome == DriftOutcome(_p_value(latest), 30))
        assert monitor.outcome is not None and monitor.outcome.p_value < 0.01


def test_monitor_of_one_photo_again_and_again_has_no_outcome() -> None:
    with _monitor() as monitor:
        monitor.add(_photos(20, 2))
        _wait(lambda: monitor.outcome is not None and not monitor._testing)
        monitor.add(np.repeat(_photos(1, 2), 30, axis=0))
        _wait(lambda: monitor.outcome is None)


def test_monitor_never_waits_for_a_test_nor_runs_two_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on, tests, priorities = threading.Semaphore(0), [], []
    before = os.getpriority(os.PRIO_PROCESS, 0)

    def slow_test(_: Any, other: Any, *, seed: int) -> TwoSampleTest:
        tests.append(len(other))
        priorities.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        assert go_on.acquire(timeout=60)
        return TwoSampleTest(0.0, 0.5 / len(tests))

    monkeypatch.setattr(monitor_module, "mmd_test", slow_test)
    with _monitor() as monitor:
        monitor.add(_photos(20, 2))
        _wait(lambda: len(tests) == 1)
        monitor.add(_photos(25, 3))
        assert tests == [20]
        go_on.release()
        _wait(lambda: monitor.outcome == (0.5, 20))
        # The photos that came meanwhile count: one more is enough.
        _wait(lambda: not monitor._testing)
        monitor.add(_photos(1, 4))
        go_on.release()
        _wait(lambda: monitor.outcome == (0.25, 30))
    assert tests == [20, 30]
    if sys.platform == "linux":
        assert priorities == [19, 19]
        assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_monitor_whose_test_fails_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with _monitor() as monitor, monkeypatch.context() as patch:
        patch.setattr(monitor_module, "mmd_test", lambda *_, **__: 1 / 0)
        with caplog.at_level(logging.ERROR):
            monitor.add(_photos(20, 2))
            _wait(lambda: "ZeroDivisionError" in caplog.text and not monitor._testing)
        patch.undo()
        monitor.add(_photos(20, 2))
        _wait(lambda: monitor.outcome is not None)


def test_monitor_copies_features_and_ignores_those_after_it_was_closed() -> None:
    features = _photos(20, 2)
    expected = _p_value(features)
    with _monitor() as monitor:
        monitor.add(features[:10])
        features[:10] = 0
        monitor.add(features[10:])
        _wait(lambda: monitor.outcome == DriftOutcome(expected, 20))
    monitor.add(_photos(20, 3, shift=2))
    assert monitor.outcome == DriftOutcome(expected, 20)
