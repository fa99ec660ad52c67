"""Reading what is missing, removed meanwhile or hostile."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from components.errors import CaptionflowError, DataError
from components.storage.transfer import local_copy, read_remote


def test_nothing_at_a_path_is_an_error(store: Any, tmp_path: Path) -> None:
    store.write("set2/a", b"a")
    with pytest.raises(DataError, match=f"check the spelling: {store.uri}/set"):
        local_copy(f"{store.uri}/set", tmp_path / "copy")


def test_read_remote_gives_the_content_or_says_that_it_is_gone(remote: Any) -> None:
    remote.write("a.txt", b"a")
    assert read_remote(f"{remote.uri}/a.txt") == b"a"
    with pytest.raises(DataError, match=rf"{remote.uri}/b.txt can't be read: there is no such"):
        read_remote(f"{remote.uri}/b.txt")


def test_local_copy_of_what_is_removed_meanwhile_is_an_error(
    proxy: Any, remote: Any, tmp_path: Path
) -> None:
    remote.write("run/a.txt", b"a")
    listing = {"gs": "/o?", "s3": "list-type"}[remote.kind]
    gone = {"gs": "{}", "s3": "<Error><Code>NoSuchKey</Code></Error>"}[remote.kind]
    proxy.fault = lambda asked: None if listing in asked.path else (404, gone)
    with pytest.raises(CaptionflowError, match=rf"{remote.uri}/run was changed while it was read"):
        local_copy(f"{remote.uri}/run", tmp_path / "copy")


@pytest.fixture
def hostile_bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A bucket that lists a name which leads out of its folder: the emulator takes none."""

    class Hostile(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            listing = self.path.startswith("/storage/v1/b/hostile/o?")
            self.send_response(200 if listing else 404)
            self.end_headers()
            item = b'{"items": [{"name": "set/../../up.txt", "size": "1", "crc32c": "x"}]}'
            self.wfile.write(item if listing else b"{}")

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


@pytest.mark.usefixtures("hostile_bucket")
def test_local_copy_of_a_name_that_leads_out_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must stay inside its folder: '\.\./\.\./up\.txt'"):
        local_copy("gs://hostile/set", tmp_path / "copy")
    assert not list(tmp_path.rglob("up.txt"))
