"""Workers that see nothing of this machine but interpreter and code, and share only a bucket."""

from pathlib import Path
from typing import Any

import pytest

from components.artifacts.manifest import read_manifest
from components.features import extraction
from components.features.store import FeatureStore

pytestmark = pytest.mark.usefixtures("isolation")


def _upload(folder: Path, remote: Any) -> str:
    for file in folder.rglob("*"):
        if file.is_file():
            remote.write(f"photos/{file.relative_to(folder).as_posix()}", file.read_bytes())
    return f"{remote.uri}/photos"


def test_remote_data_set_gives_the_same_bytes_as_in_this_process(
    start_workers: Any,
    run_steps: Any,
    photos: Path,
    local: Any,
    remote: Any,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    if remote.uri.startswith("s3://"):
        pytest.skip("Beam's worker pool gives its own S3 client no options; its boot program does")
    dataset = _upload(photos, remote)
    workers = start_workers(hide=(tmp_path_factory.getbasetemp(),))
    flags = f"{workers.flags} --temp_location={remote.uri}/temp"
    done = run_steps(dataset, tmp_path, flags, f"{remote.uri}/features")
    assert workers.workers(), "no worker of the pool ran"
    assert done.content() == local.content()
    # The photos stayed where they are, and nothing else was left behind.
    assert read_manifest(done.manifest)[0].uri == f"{dataset}/images/00.png"
    assert not list(done.manifest.rglob("*.png"))
    assert {name.partition("/")[0] for name in remote.content()} == {"photos", "features"}


def test_photos_of_this_machine_are_uploaded_for_the_workers(
    start_workers: Any,
    run_steps: Any,
    photos: Path,
    local: Any,
    bucket: Any,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    workers = start_workers(hide=(tmp_path_factory.getbasetemp(),))
    flags = f"{workers.flags} --temp_location=gs://runs/temp"
    done = run_steps(str(photos), tmp_path, flags, "gs://runs/features")
    assert done.content() == local.content()
    assert {blob.name.partition("/")[0] for blob in bucket.list_blobs()} == {"features"}


def test_workers_index_the_store_and_write_the_shards_of_a_large_data_set(
    start_workers: Any,
    run_steps: Any,
    photos: Path,
    local: Any,
    bucket: Any,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extraction, "MOST_EXAMPLES_HERE", 5)
    fetched = []
    fetch = FeatureStore.fetch

    def noted(store: FeatureStore, *, shards: bool = True) -> None:
        fetched.append(shards)
        fetch(store, shards=shards)

    monkeypatch.setattr(FeatureStore, "fetch", noted)
    workers = start_workers(hide=(tmp_path_factory.getbasetemp(),))
    flags = f"{workers.flags} --temp_location=gs://runs/temp"
    done = run_steps(str(photos), tmp_path, flags, "gs://runs/features")
    assert done.content() == local.content()
    # This process had the encoder only, and no features.
    assert fetched == [False]
    assert {blob.name.partition("/")[0] for blob in bucket.list_blobs()} == {"features"}
