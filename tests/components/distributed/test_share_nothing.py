"""Workers that see nothing of this machine but interpreter and code, and share only a bucket."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from beam_steps import Steps

from components.artifacts.manifest import read_manifest
from components.features import building, extraction
from components.features.store import FeatureStore


def _folders(bucket: Any) -> set[str]:
    return {blob.name.partition("/")[0] for blob in bucket.list_blobs()}


def test_remote_data_set_gives_the_same_bytes_as_in_this_process(
    apart: Any, engine: Any, photos: Path, local: Any, bucket: Any, tmp_path: Path
) -> None:
    for file in filter(Path.is_file, photos.rglob("*")):
        name = f"photos/{file.relative_to(photos).as_posix()}"
        bucket.blob(name).upload_from_filename(file)
    before = len(engine.workers())
    done = apart.all("gs://runs/photos", tmp_path)
    # For ingest and features; with --temp_location, normalize runs in this process.
    assert len(engine.workers()) >= before + 2
    assert done.content() == local.content()
    # The photos stayed where they are, and nothing else was left behind.
    assert read_manifest(done.manifest)[0].uri == "gs://runs/photos/images/00.png"
    assert not list(done.manifest.rglob("*.png"))
    assert _folders(bucket) == {"photos", "features"}


def test_photos_and_keras_encoder_of_this_machine_are_uploaded_for_the_workers(
    apart: Any,
    photos: Path,
    local: Any,
    bucket: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The kind of encoder that is the default; to calibrate it with more images takes seconds.
    network = "MobileNetV3Small"
    monkeypatch.setattr(building, "_CALIBRATION_IMAGES", 8)
    (tmp_path / "here").mkdir()
    here = Steps(encoder=network).features(
        local.manifest, local.captions, tmp_path / "here" / "examples"
    )
    steps = replace(apart, encoder=network)
    manifest = steps.ingest(str(photos), tmp_path / "manifest")
    examples = steps.features(manifest, local.captions, tmp_path / "examples")
    done = local._replace(manifest=manifest, examples=examples)
    assert done.content() == local._replace(examples=here).content()
    assert _folders(bucket) == {"features"}


def test_workers_index_the_store_and_write_the_shards_of_a_large_data_set(
    apart: Any, local: Any, bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "MOST_EXAMPLES_HERE", 5)
    fetched = []
    fetch = FeatureStore.fetch

    def noted(store: FeatureStore, *, shards: bool = True) -> None:
        fetched.append(shards)
        fetch(store, shards=shards)

    monkeypatch.setattr(FeatureStore, "fetch", noted)
    examples = apart.features(local.manifest, local.captions, tmp_path / "examples")
    assert local._replace(examples=examples).content() == local.content()
    # This process had the encoder only, and no features.
    assert fetched == [False]
    assert _folders(bucket) == {"features"}
