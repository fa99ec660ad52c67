"""The three steps that use Beam, on a portable engine whose workers share this machine's disk."""

import shutil
from pathlib import Path
from typing import Any

from beam_steps import Steps


def test_three_steps_write_the_same_bytes_as_in_this_process(
    engine: Any, photos: Path, local: Any, shared_disk: Path
) -> None:
    dataset = shutil.copytree(photos, shared_disk / "photos")
    before = len(engine.workers())
    done = Steps(engine.flags).all(str(dataset), shared_disk)
    assert len(engine.workers()) >= before + 3
    expected = local.content()
    assert len([name for name in expected if name.endswith(".tfrecord")]) == 3
    assert done.content() == expected
