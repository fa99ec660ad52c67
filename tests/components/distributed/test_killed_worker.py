"""A worker that is killed in features, on a portable engine: what it has stored is not lost.

Beam's job service does not notice that a worker was killed: the step waits forever. So the step is
killed, too, and started again with the same store.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tiny_encoder import write_encoder

from components.artifacts.captions import CaptionedPhoto, write_captions
from components.artifacts.fingerprint import fingerprint_file
from components.artifacts.manifest import Photo, write_manifest
from components.captioning.model.normalizer import Normalizer
from components.features.extraction import extract_features
from components.settings.encoder import EncoderSettings

# The run that is killed, in a process of its own; without collections, it imports faster.
STEP = """
import gc, sys
gc.disable()
from components.features.extraction import extract_features
from components.settings.encoder import EncoderSettings
manifest, captions, examples, settings = sys.argv[1:]
extract_features(manifest, captions, examples, EncoderSettings.model_validate_json(settings))
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


def _settings(encoder: Path, store: Path | str = "", beam_flags: str = "") -> EncoderSettings:
    settings = {"encoder": str(encoder), "store": str(store), "beam_flags": beam_flags}
    return EncoderSettings.check(settings)


def test_run_after_a_killed_worker_encodes_only_the_rest(engine: Any, shared_disk: Path) -> None:
    _write_data_set(shared_disk)
    encoder = write_encoder(shared_disk / "encoder")
    last, store = shared_disk / f"{PHOTOS - 1}.bmp", shared_disk / "store"
    content = last.read_bytes()
    last.unlink()
    # Whoever reads it waits, so the worker is killed in the second list.
    os.mkfifo(last)
    manifest, captions, examples, whole = (
        shared_disk / name for name in ("manifest", "captions", "examples", "whole")
    )
    before, log = len(engine.workers()), shared_disk / "step.log"
    settings = _settings(encoder, store, engine.flags).model_dump_json()
    command = [sys.executable, "-c", STEP, manifest, captions, examples, settings]
    with log.open("wb") as output:
        step = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, "TMPDIR": str(shared_disk)}
        )
    try:
        deadline = time.monotonic() + DEADLINE_SECONDS
        # Not the hidden file that becomes it: the worker must not be killed while it writes.
        while not list(store.glob("*/[!.]*-32.npy")):
            assert step.poll() is None, f"the step ended\n{log.read_text(errors='replace')}"
            assert time.monotonic() < deadline, f"no list was stored\n{engine.log.read_text()}"
            time.sleep(0.05)
        workers = engine.workers()[before:]
        assert workers, "the pool started no worker"
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
    finally:
        step.kill()
        step.wait()
    assert not examples.exists()

    last.unlink()
    last.write_bytes(content)
    resumed = extract_features(manifest, captions, examples, _settings(encoder, store))
    assert resumed["encoded_photos"] == PHOTOS - 32
    # The same bytes as without a store.
    assert extract_features(manifest, captions, whole, _settings(encoder))["photos"] == PHOTOS
    (shard,) = examples.glob("*.tfrecord")
    assert shard.read_bytes() == (whole / shard.name).read_bytes()
