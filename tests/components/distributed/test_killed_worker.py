"""A worker process that is killed while it encodes photos."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from components.artifacts.captions import CaptionedPhoto, write_captions
from components.artifacts.fingerprint import fingerprint_file
from components.artifacts.manifest import Photo, write_manifest
from components.captioning.model.normalizer import Normalizer
from components.features.extraction import extract_features
from components.settings.encoder import EncoderSettings

# Five lists of one batch.
PHOTOS = 160


def _data_set(root: Path) -> tuple[Path, Path]:
    generator = np.random.default_rng(1)
    photos = []
    for number in range(PHOTOS):
        path = root / f"{number:03}.png"
        blocks = generator.integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(blocks).resize((320, 240)).save(path)
        sha256 = fingerprint_file(path)
        photos.append(Photo(path.name, str(path), sha256, 320, 240, "train", ("A",)))
    manifest, captions = root / "manifest", root / "captions"
    manifest.mkdir()
    captions.mkdir()
    write_manifest(manifest, photos)
    captioned = [CaptionedPhoto(photo.image_id, "train", ("a",), ((4,),)) for photo in photos]
    write_captions(captions, captioned)
    Normalizer((("lower",),)).save(captions)
    return manifest, captions


def _stored(bucket: Any) -> int:
    shards = [blob.name for blob in bucket.list_blobs() if blob.name.endswith(".npy")]
    return sum(int(name.removesuffix(".npy").rpartition("-")[2]) for name in shards)


def test_next_run_encodes_what_a_killed_worker_had_not_stored(
    start_workers: Any, bucket: Any, tmp_path: Path
) -> None:
    manifest, captions = _data_set(tmp_path)
    workers = start_workers()

    def extract(flags: str) -> dict[str, Any]:
        settings = {"encoder": "MobileNetV3Small", "store": "gs://runs/features"}
        return extract_features(
            manifest,
            captions,
            tmp_path / "examples",
            EncoderSettings.check({**settings, "beam_flags": flags}),
        )

    def kill() -> None:
        while not _stored(bucket):
            time.sleep(0.02)
        for process in workers.workers():
            process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    flags = f"{workers.flags} --temp_location=gs://runs/temp"
    with pytest.raises(Exception, match=r"worker|terminated|Socket|harness|connection"):
        extract(flags)
    killer.join()
    stored = _stored(bucket)
    assert 0 < stored < PHOTOS
    assert not (tmp_path / "examples").exists()
    assert extract(flags)["encoded_photos"] == PHOTOS - stored
    assert _stored(bucket) == PHOTOS
