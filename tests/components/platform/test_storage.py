import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from google.cloud import storage

from components.errors import DataError, SettingError
from components.platform.storage import content_fingerprint, exists, is_remote, local_copy

_OBJECTS = {
    "captions.txt": "two dogs",
    "flickr/Images/1.jpg": "one",
    "flickr/Images/2.jpg": "two",
    "flickr/captions.txt": "a cat",
    "flickr/empty/": "",
    "flickr8/captions.txt": "not below flickr",
}


@pytest.fixture
def filled(bucket: storage.Bucket) -> None:
    for name, text in _OBJECTS.items():
        bucket.blob(name).upload_from_string(text)
    bucket.client.create_bucket("bare")


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


@pytest.mark.usefixtures("filled")
def test_local_copy_of_an_object_is_a_file(tmp_path: Path) -> None:
    copy = local_copy("gs://photos/flickr/captions.txt", tmp_path / "copy")
    assert copy == tmp_path / "copy" / "captions.txt"
    assert copy.read_text() == "a cat"


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("uri", ["gs://photos/flickr", "gs://photos/flickr/"])
def test_local_copy_of_a_prefix_is_a_folder(uri: str, tmp_path: Path) -> None:
    copy = local_copy(uri, tmp_path / "copy")
    assert copy == tmp_path / "copy" / "flickr"
    assert files(copy) == {"Images/1.jpg": "one", "Images/2.jpg": "two", "captions.txt": "a cat"}


@pytest.mark.usefixtures("filled")
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


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("uri", ["gs://photos/flicker", "gs://photos/flickr/empty", "gs://bare"])
def test_local_copy_of_an_empty_place_is_an_error(uri: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"check its spelling: {uri}"):
        local_copy(uri, tmp_path / "copy")


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


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("uri", "there"),
    [
        ("gs://photos/captions.txt", True),
        ("gs://photos/flickr", True),
        ("gs://photos/flick", False),
        ("gs://bare", False),
        ("/nowhere/at/all", False),
        (str(Path(__file__)), True),
    ],
)
def test_exists_tells_what_is_there(uri: str, there: bool) -> None:
    assert exists(uri) is there


def test_content_fingerprint_of_a_local_path_goes_by_content(tmp_path: Path) -> None:
    for name, text in {"one": "dogs", "two": "dogs", "three": "cats"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "captions.txt").write_text(text)
    one, two, three = (content_fingerprint(str(tmp_path / n)) for n in ("one", "two", "three"))
    assert one == two != three


def test_content_fingerprint_of_a_prefix_goes_by_content_and_copies_nothing(
    bucket: storage.Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in {"one": "dogs", "two": "dogs", "three": "cats"}.items():
        bucket.blob(f"{name}/captions.txt").upload_from_string(text)
    one, two, three = (content_fingerprint(f"gs://photos/{n}") for n in ("one", "two", "three"))
    assert one == two != three
    assert len(one) == 64
    assert not list(tmp_path.iterdir())


def test_content_fingerprint_of_an_object_changes_with_it(bucket: storage.Bucket) -> None:
    blob = bucket.blob("glove.txt")
    blob.upload_from_string("one")
    before = content_fingerprint("gs://photos/glove.txt")
    assert content_fingerprint("gs://photos/glove.txt") == before
    blob.upload_from_string("two")
    assert content_fingerprint("gs://photos/glove.txt") != before


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("uri", ["/nowhere/at/all", "gs://photos/flicker"])
def test_content_fingerprint_of_nothing_is_an_error(uri: str) -> None:
    with pytest.raises(DataError, match=f"check its spelling: {uri}"):
        content_fingerprint(uri)
