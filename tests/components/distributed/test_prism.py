"""The steps that use Beam on Prism, Beam's runner in Go; skipped where there is none."""

import shutil
from pathlib import Path
from typing import Any

from beam_steps import Steps


def test_three_steps_on_prism_write_the_same_bytes_as_in_this_process(
    prism: Any, photos: Path, local: Any, shared_disk: Path
) -> None:
    dataset = shutil.copytree(photos, shared_disk / "photos")
    before = len(prism.workers())
    done = Steps(prism.flags).all(str(dataset), shared_disk)
    assert len(prism.workers()) >= before + 3
    assert done.content() == local.content()


def test_workers_of_prism_that_share_nothing_write_the_same_bytes(
    prism: Any, apart: Any, engine: Any, photos: Path, local: Any, bucket: Any, tmp_path: Path
) -> None:
    steps = Steps(apart.flags.replace(engine.flags, prism.flags), apart.store)
    before = len(prism.workers())
    manifest = steps.ingest(str(photos), tmp_path / "manifest")
    examples = steps.features(manifest, local.captions, tmp_path / "examples")
    assert len(prism.workers()) >= before + 2
    assert local._replace(manifest=manifest, examples=examples).content() == local.content()
    # Everything in the temp location was removed.
    assert {blob.name.partition("/")[0] for blob in bucket.list_blobs()} == {"features"}
