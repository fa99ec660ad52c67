import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from components.errors import CaptionflowError, SettingError
from components.storage import filesystem
from components.storage.filesystem import is_absolute, is_remote, local_path, require_writable
from components.storage.transfer import exists, list_remote, local_copy, read_remote
from components.storage.upload import upload

_SLOW_DOWN = "<Error><Code>SlowDown</Code><Message>later</Message></Error>"


@pytest.mark.parametrize(
    ("uri", "remote", "absolute"),
    [
        ("gs://photos/flickr", True, True),
        ("s3://photos/flickr", True, True),
        ("file:///data/flickr", False, True),
        ("/data/flickr", False, True),
        ("../gs/flickr", False, False),
        ("~/flickr", False, False),
    ],
)
def test_paths_are_remote_or_absolute(uri: str, remote: bool, absolute: bool) -> None:
    assert is_remote(uri) is remote
    assert is_absolute(uri) is absolute


@pytest.mark.parametrize("uri", ["ftp://photos/flickr", "https://photos/flickr.zip"])
def test_is_remote_of_another_scheme_is_an_error(uri: str) -> None:
    with pytest.raises(SettingError, match=rf"gs://, s3:// or file://\. Received: {uri}"):
        is_remote(uri)


def test_local_path_drops_the_scheme() -> None:
    assert local_path("file:///data/flickr") == Path("/data/flickr")
    assert local_path("~/flickr") == Path.home() / "flickr"


def test_require_writable_leaves_nothing_behind(store: Any) -> None:
    require_writable(f"{store.uri}/checkpoints")
    assert store.content() == {}


def test_require_writable_of_a_folder_that_can_not_be_made_is_an_error(file: Path) -> None:
    with pytest.raises(SettingError, match=r"glove.txt/store must be .* writable"):
        require_writable(f"{file}/store")


@pytest.mark.parametrize("kind", ["gs", "s3"])
def test_path_without_a_bucket_is_an_error(kind: str) -> None:
    with pytest.raises(SettingError, match=rf"must name a bucket after {kind}://\. Received"):
        exists(f"{kind}:///a")


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("fault", [(503, ""), "throttled", "cut", "silence"])
def test_requests_are_repeated_until_the_store_is_back(
    proxy: Any, remote: Any, file: Path, tmp_path: Path,
    fault: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if fault == "silence":
        # Only here: on a busy machine, an answer may take longer than that.
        monkeypatch.setattr(filesystem, "_SILENCE", 1.0)
    if fault == "throttled":
        fault = {"gs": (429, ""), "s3": (503, _SLOW_DOWN)}[remote.kind]
    uri = f"{remote.uri}/set/data"
    for call in (
        lambda: upload(file, uri),
        lambda: local_copy(f"{remote.uri}/set", tmp_path / "copy"),
        lambda: list_remote(uri),
    ):
        proxy.break_first(2, fault)
        call()
        assert len(proxy.asked) > 2
    assert remote.content() == {"set/data": b"dog 1 2"}
    assert (tmp_path / "copy" / "set" / "data").read_bytes() == b"dog 1 2"


def test_exists_waits_no_longer_than_it_is_told(proxy: Any, remote: Any) -> None:
    proxy.fault = lambda _: "silence"
    with pytest.raises(CaptionflowError, match=f"Received for {remote.uri}/data: no answer"):
        exists(f"{remote.uri}/data", timeout=8)
    assert len(proxy.asked) == 1


def test_store_can_be_used_before_and_after_a_fork(remote: Any) -> None:
    remote.write("data", b"dog")
    uri = f"{remote.uri}/data"
    assert read_remote(uri) == b"dog"
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(read_remote, (uri,)).get(timeout=60) == b"dog"
    assert read_remote(uri) == b"dog"
