from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from components.artifacts.captions import CaptionedPhoto, read_captions
from components.artifacts.fingerprint import fingerprint_file
from components.artifacts.manifest import Photo, read_manifest
from components.captioning.encoder.images import load_photo
from components.errors import DataError
from components.features.tasks import plan_tasks, read_photo

PHOTO = Photo("a.png", "/data/a.png", "0" * 64, 40, 30, "train", ("A dog.",))
CAPTIONS = CaptionedPhoto("a.png", "train", ("a dog",), ((3, 4),))


def test_plan_tasks_joins_photos_and_captions(data_set: Any) -> None:
    tasks = plan_tasks(read_manifest(data_set.manifest), read_captions(data_set.captions))
    assert [(task.image_id, task.split, task.references[0]) for task in tasks] == [
        ("0.png", "train", "dog 0"),
        ("1.png", "train", "dog 1"),
        ("2.png", "train", "dog 2"),
        ("3.png", "dev", "dog 3"),
        ("4.png", "test", "dog 4"),
    ]
    assert tasks[3].tokens == ((4, 3), (3, 4))
    assert tasks[3].shard == "dev-00000-of-00001.tfrecord"


def test_plan_tasks_fills_shards_evenly_and_in_order() -> None:
    names = [f"{index:04d}.png" for index in range(2001)]
    photos = [replace(PHOTO, image_id=name) for name in reversed(names)]
    tasks = plan_tasks(photos, [replace(CAPTIONS, image_id=name) for name in names])
    assert [task.image_id for task in tasks] == names
    assert list(Counter(task.shard for task in tasks).items()) == [
        ("train-00000-of-00003.tfrecord", 667),
        ("train-00001-of-00003.tfrecord", 667),
        ("train-00002-of-00003.tfrecord", 667),
    ]


def test_plan_tasks_without_captions_is_refused() -> None:
    with pytest.raises(DataError, match=r"must have captions. Received: 1 photos, .* 1 other"):
        plan_tasks([PHOTO], [replace(CAPTIONS, image_id="b.png")])


def test_read_photo_that_changed_names_it_and_both_checksums(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (40, 30)).save(path)
    [task] = plan_tasks([replace(PHOTO, uri=str(path))], [CAPTIONS])
    with pytest.raises(
        DataError,
        match=rf"a.png must not change after ingest, .*SHA-256 0+\. .*{fingerprint_file(path)}",
    ):
        read_photo(task, partial(load_photo, size=8))


def test_read_photo_that_is_missing_names_it() -> None:
    [task] = plan_tasks([PHOTO], [CAPTIONS])
    with pytest.raises(DataError, match=r"Photo a.png can no longer be read.*No such file"):
        read_photo(task, partial(load_photo, size=8))


def test_read_photo_of_another_file_names_it(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"hello")
    photo = replace(PHOTO, uri=str(path), sha256=fingerprint_file(path))
    [task] = plan_tasks([photo], [CAPTIONS])
    with pytest.raises(DataError, match=r"Photo a.png at .*can't be read as a photo"):
        read_photo(task, partial(load_photo, size=8))
