"""What the network does to transfers; the waits between tries are Google's own: 0 to 2 s, 4 s, …"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.cloud import storage

from components.errors import CaptionflowError
from components.platform.storage import exists, local_copy, upload

# Two chunks of 8 MiB and a rest: what is larger than 8 MiB goes in chunks.
_LARGE = np.random.default_rng(0).bytes(20 * 2**20)
_CHUNK = 8 * 2**20


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"a photo")
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(_LARGE)
    return path


def _ranges(proxy: Any) -> list[str]:
    return [asked.content_range.split("/")[0] for asked in proxy.asked if asked.content_range]


@pytest.mark.parametrize("status", [503, 429])
def test_upload_is_made_again_until_the_server_is_back(
    proxy: Any, bucket: storage.Bucket, file: Path, status: int
) -> None:
    proxy.break_first(2, (status, {}), "/upload/")
    upload(file, "gs://photos/data", patience=20)
    assert sum("/upload/" in asked.path for asked in proxy.asked) == 3
    assert bucket.blob("data").download_as_bytes() == b"a photo"


def test_local_copy_is_made_again_until_the_server_is_back(
    proxy: Any, file: Path, tmp_path: Path
) -> None:
    upload(file, "gs://photos/set/data")
    broken = {"/o?": 1, "alt=media": 1}  # listing, and reading

    def fault(asked: Any) -> tuple[int, object] | None:
        for part in broken:
            if part in asked.path and broken[part]:
                broken[part] -= 1
                return 503, {}
        return None

    proxy.fault = fault
    copy = local_copy("gs://photos/set", tmp_path / "copy", patience=20)
    assert (copy / "data").read_bytes() == b"a photo"
    assert broken == {"/o?": 0, "alt=media": 0}


def test_upload_goes_on_after_a_broken_connection(
    proxy: Any, bucket: storage.Bucket, file: Path
) -> None:
    proxy.break_first(1, "cut", "/upload/")
    upload(file, "gs://photos/data", patience=20)
    assert bucket.blob("data").download_as_bytes() == b"a photo"


@pytest.mark.parametrize("broken", [(503, {"error": {"message": "Try later."}}), "cut"])
def test_upload_ends_in_one_line_when_patience_is_out(
    proxy: Any, bucket: storage.Bucket, file: Path, broken: Any
) -> None:
    proxy.break_first(999, broken, "/upload/")
    started = time.monotonic()
    with pytest.raises(CaptionflowError) as caught:
        upload(file, "gs://photos/data", patience=1.5)
    assert time.monotonic() - started < 60  # its library has a patience of 120 s
    assert type(caught.value) is CaptionflowError
    assert str(caught.value).startswith(
        "Cloud Storage must answer within 1.5 s: check the network, or try again later. "
        "Received for gs://photos/data: " + ("" if broken == "cut" else "503 Try later.")
    )
    assert not list(bucket.list_blobs())


def test_upload_cut_in_the_middle_sends_only_that_chunk_again(
    proxy: Any, bucket: storage.Bucket, large: Path
) -> None:
    second = f"bytes {_CHUNK}-"
    times = []

    def fault(asked: Any) -> str | None:
        if asked.content_range.startswith(second):
            times.append(1)
            return "cut" if len(times) == 1 else None
        return None

    proxy.fault = fault
    upload(large, "gs://photos/model", patience=20)
    assert _ranges(proxy) == [
        f"bytes 0-{_CHUNK - 1}",
        f"bytes {_CHUNK}-{2 * _CHUNK - 1}",
        f"bytes {_CHUNK}-{2 * _CHUNK - 1}",
        f"bytes {2 * _CHUNK}-{len(_LARGE) - 1}",
    ]
    assert bucket.blob("model").download_as_bytes() == _LARGE


@pytest.mark.parametrize("before", [None, b"an older model"])
def test_upload_cut_for_good_leaves_what_was_there_and_the_next_one_ends_well(
    proxy: Any, bucket: storage.Bucket, large: Path, before: bytes | None
) -> None:
    if before:
        bucket.blob("model").upload_from_string(before)
    proxy.fault = lambda asked: "cut" if asked.content_range.startswith("bytes 8") else None
    with pytest.raises(CaptionflowError, match=r"Received for gs://photos/model: ") as caught:
        upload(large, "gs://photos/model", patience=0.2)
    # Whoever knows an upload's id may go on with it.
    assert "upload_id=" not in str(caught.value).replace("upload_id=…", "")
    assert f"bytes 0-{_CHUNK - 1}" in _ranges(proxy)
    assert exists("gs://photos/model") is bool(before)
    if before:
        assert bucket.blob("model").download_as_bytes() == before

    proxy.fault = lambda _: None
    upload(large, "gs://photos/model")
    assert bucket.blob("model").download_as_bytes() == _LARGE
