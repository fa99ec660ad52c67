"""The three steps that use Beam, on a portable engine whose workers share this machine's files."""

from pathlib import Path
from typing import Any


def test_three_steps_write_the_same_bytes_as_in_this_process(
    start_workers: Any, run_steps: Any, photos: Path, local: Any, tmp_path: Path
) -> None:
    workers = start_workers()
    done = run_steps(str(photos), tmp_path, workers.flags)
    assert workers.workers(), "no worker of the pool ran"
    expected = local.content()
    assert len([name for name in expected if name.endswith(".tfrecord")]) == 3
    assert done.content() == expected
