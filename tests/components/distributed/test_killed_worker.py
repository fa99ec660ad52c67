"""A worker that is killed in features, on a portable engine: what it has stored is not lost.

Beam's job service does not notice that a worker was killed: the step waits forever. So the step is
killed, too, and started again with the same store.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from components.artifacts.captions import CaptionedPhoto, write_captions
from components.artifacts.fingerprint import fingerprint_file
from components.artifacts.manifest import Photo, write_manifest
from components.captioning.model.normalizer import Normalizer
from components.settings.encoder import EncoderSettings

SETTINGS = {"encoder": "MobileNetV3Small", "precision": "float32", "seed": 3}
# Each run in a process of its own, like a step.
STEP = """
import json, sys
from components.features.extraction import extract_features
from components.settings.encoder import EncoderSettings
manifest, captions, examples, settings = sys.argv[1:]
settings = EncoderSettings.model_validate_json(settings)
print(json.dumps(extract_features(manifest, captions, examples, settings)))
"""
# How long a busy machine may take for the first list.
DEADLINE_SECONDS = 600
# A list of 32 photos, and one of 8.
PHOTOS = 40


def _write_data_set(root: Path) -> None:
    generator = np.random.default_rng(1)
    photos = []
    for directory in ("manifest", "captions"):
        (root / directory).mkdir()
    for number in range(PHOTOS):
        path = root / f"{number:02d}.bmp"
        Image.fromarray(generator.integers(0, 256, (4, 4, 3), np.uint8)).save(path)
        photos.append(
            Photo(path.name, str(path), fingerprint_file(path), 4, 4, "train", ("A dog",))
        )
    write_manifest(root / "manifest", photos)
    captioned = [CaptionedPhoto(p.image_id, "train", ("a dog",), ((4, 5),)) for p in photos]
    write_captions(root / "captions", captioned)
    Normalizer((("lower",),)).save(root / "captions")


def _extract(manifest: str, captions: str, examples: str, *, store: str) -> dict[str, Any]:
    """Runs `features` in this machine's processes, and returns its counts."""
    settings = EncoderSettings.check({**SETTINGS, "store": store}).model_dump_json()
    command = [sys.executable, "-c", STEP, manifest, captions, examples, settings]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    counts: dict[str, Any] = json.loads(output.splitlines()[-1])
    return counts


def _logs(folder: Path) -> str:
    """What the step and the worker pool printed."""
    logs = sorted(folder.glob("*.log"))
    return "\n".join(f"{log.name}: {log.read_text(errors='replace')}" for log in logs)


def test_run_after_a_killed_worker_encodes_only_the_rest(
    start_workers: Any, tmp_path: Path
) -> None:
    _write_data_set(tmp_path)
    last, store = tmp_path / f"{PHOTOS - 1}.bmp", tmp_path / "store"
    content = last.read_bytes()
    last.unlink()
    # Whoever reads it waits, so the worker is killed in the second list.
    os.mkfifo(last)
    pool = start_workers()
    settings = EncoderSettings.check({**SETTINGS, "store": str(store), "beam_flags": pool.flags})
    arguments = [str(tmp_path / each) for each in ("manifest", "captions", "examples")]
    command = [sys.executable, "-c", STEP, *arguments, settings.model_dump_json()]
    with (tmp_path / "step.log").open("wb") as output:
        step = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + DEADLINE_SECONDS
        # Not the hidden file that becomes it: the worker must not be killed while it writes.
        while not list(store.glob("*/[!.]*-32.npy")):
            assert step.poll() is None, f"the step ended\n{_logs(tmp_path)}"
            assert time.monotonic() < deadline, f"no list was stored\n{_logs(tmp_path)}"
            time.sleep(0.05)
        workers = pool.workers()
        assert workers, "no worker of the pool runs"
        for worker in workers:
            worker.kill()
    finally:
        step.kill()
        step.wait()
    assert not (tmp_path / "examples").exists()

    last.unlink()
    last.write_bytes(content)
    manifest, captions, examples = arguments
    assert _extract(manifest, captions, examples, store=str(store))["encoded_photos"] == PHOTOS - 32
    # The same bytes as without a store.
    whole = str(tmp_path / "whole")
    assert _extract(manifest, captions, whole, store="")["photos"] == PHOTOS
    (shard,) = Path(examples).glob("*.tfrecord")
    assert shard.read_bytes() == (tmp_path / "whole" / shard.name).read_bytes()
