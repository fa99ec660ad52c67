import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from google.cloud import storage

from components.platform.errors import DataError, SettingError
from components.platform.storage import content_fingerprint, is_remote, local_copy


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    """A Cloud Storage emulator, a process of its own on loopback, with two buckets."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "gcp_storage_emulator", "start", "--in-memory", "--quiet"]
    process = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", str(port)])
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(address).close()
                break
            except OSError:
                time.sleep(0.1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("STORAGE_EMULATOR_HOST", address)
            client = storage.Client(project="test")
            photos = client.create_bucket("photos")
            for name, text in {
                "captions.txt": "two dogs",
                "flickr/Images/1.jpg": "one",
                "flickr/Images/2.jpg": "two",
                "flickr/captions.txt": "a cat",
                "flickr/empty/": "",
                "flickr8/captions.txt": "not below flickr",
            }.items():
                photos.blob(name).upload_from_string(text)
            client.create_bucket("bare")
        yield address
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def bucket(emulator: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Points the client at the emulator, on a machine without Google credentials."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator)
    without_credentials(monkeypatch, tmp_path)


def without_credentials(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(home))
    # Or the client would look for the metadata server of a Google machine.
    monkeypatch.setenv("NO_GCE_CHECK", "true")


def files(directory: Path) -> dict[str, str]:
    return {
        path.relative_to(directory).as_posix(): path.read_text()
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_is_remote_tells_buckets_from_folders() -> None:
    assert is_remote("gs://photos/flickr")
    assert not is_remote("/data/flickr")
    assert not is_remote("../gs/flickr")


@pytest.mark.parametrize("uri", ["s3://photos/flickr", "https://photos/flickr.zip"])
def test_is_remote_other_scheme_is_an_error(uri: str) -> None:
    with pytest.raises(SettingError, match=rf"must be local or begin with gs://\. Received: {uri}"):
        is_remote(uri)


def test_local_copy_of_a_local_path_is_the_path(tmp_path: Path) -> None:
    (tmp_path / "captions.txt").write_text("two dogs")
    copy = local_copy(str(tmp_path / "captions.txt"), tmp_path / "copy")
    assert copy == tmp_path / "captions.txt"
    assert not (tmp_path / "copy").exists()


def test_local_copy_of_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"check its spelling: /nowhere/at/all"):
        local_copy("/nowhere/at/all", tmp_path)


@pytest.mark.usefixtures("bucket")
def test_local_copy_of_an_object_is_a_file(tmp_path: Path) -> None:
    copy = local_copy("gs://photos/flickr/captions.txt", tmp_path / "copy")
    assert copy == tmp_path / "copy" / "captions.txt"
    assert copy.read_text() == "a cat"


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("uri", ["gs://photos/flickr", "gs://photos/flickr/"])
def test_local_copy_of_a_prefix_is_a_folder(uri: str, tmp_path: Path) -> None:
    copy = local_copy(uri, tmp_path / "copy")
    assert copy == tmp_path / "copy" / "flickr"
    assert files(copy) == {"Images/1.jpg": "one", "Images/2.jpg": "two", "captions.txt": "a cat"}


@pytest.mark.usefixtures("bucket")
def test_local_copy_of_a_bucket_is_a_folder(tmp_path: Path) -> None:
    copy = local_copy("gs://photos", tmp_path / "copy")
    assert copy == tmp_path / "copy" / "photos"
    assert files(copy) == {
        "captions.txt": "two dogs",
        "flickr/Images/1.jpg": "one",
        "flickr/Images/2.jpg": "two",
        "flickr/captions.txt": "a cat",
        "flickr8/captions.txt": "not below flickr",
    }


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("uri", ["gs://photos/flicker", "gs://photos/flickr/empty", "gs://bare"])
def test_local_copy_of_an_empty_place_is_an_error(uri: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"check its spelling: {uri}"):
        local_copy(uri, tmp_path / "copy")


@pytest.mark.usefixtures("bucket")
def test_local_copy_of_an_unknown_bucket_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gs://unknown can't be read: 404"):
        local_copy("gs://unknown", tmp_path / "copy")


def test_local_copy_without_a_bucket_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"must name a bucket after gs://\. Received: gs:///a"):
        local_copy("gs:///a", tmp_path / "copy")


@pytest.fixture
def hostile_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A bucket that lists a name which leads out of its folder: the emulator takes none."""

    class Hostile(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            listing = self.path.startswith("/storage/v1/b/hostile/o?")
            self.send_response(200 if listing else 404)
            self.end_headers()
            self.wfile.write(b'{"items": [{"name": "set/../../up.txt"}]}' if listing else b"{}")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hostile)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("hostile_server")
def test_local_copy_of_a_name_that_leads_out_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must stay inside its folder: 'set/\.\./\.\./up\.txt'"):
        local_copy("gs://hostile/set", tmp_path / "copy")
    assert not list(tmp_path.rglob("up.txt"))


def test_local_copy_without_credentials_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    without_credentials(monkeypatch, tmp_path)
    with pytest.raises(DataError, match=r"gs://photos/flickr can't be read: .*credentials"):
        local_copy("gs://photos/flickr", tmp_path / "copy")


def test_content_fingerprint_of_a_local_path_goes_by_content(tmp_path: Path) -> None:
    for name, text in {"one": "dogs", "two": "dogs", "three": "cats"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "captions.txt").write_text(text)
    one, two, three = (content_fingerprint(str(tmp_path / n)) for n in ("one", "two", "three"))
    assert one == two != three


@pytest.mark.usefixtures("bucket")
def test_content_fingerprint_of_a_prefix_goes_by_content_and_copies_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bucket = storage.Client(project="test").create_bucket("versions")
    for name, text in {"one": "dogs", "two": "dogs", "three": "cats"}.items():
        bucket.blob(f"{name}/captions.txt").upload_from_string(text)
    one, two, three = (content_fingerprint(f"gs://versions/{n}") for n in ("one", "two", "three"))
    assert one == two != three
    assert len(one) == 64
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("bucket")
def test_content_fingerprint_of_an_object_changes_with_it() -> None:
    blob = storage.Client(project="test").create_bucket("changing").blob("glove.txt")
    blob.upload_from_string("one")
    before = content_fingerprint("gs://changing/glove.txt")
    assert content_fingerprint("gs://changing/glove.txt") == before
    blob.upload_from_string("two")
    assert content_fingerprint("gs://changing/glove.txt") != before


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("uri", ["/nowhere/at/all", "gs://photos/flicker"])
def test_content_fingerprint_of_nothing_is_an_error(uri: str) -> None:
    with pytest.raises(DataError, match=f"check its spelling: {uri}"):
        content_fingerprint(uri)
