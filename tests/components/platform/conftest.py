"""A Cloud Storage emulator as a process of its own, and a proxy before it that brings failures."""

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
import requests
from google.cloud import storage


class Asked(NamedTuple):
    """A request as the proxy sees it."""

    method: str
    path: str
    content_range: str


#: What a fault does with a request: lets it through (None), answers in the server's place
#: (status and JSON body), or reads half of it and hangs up ("cut").
Fault = Callable[[Asked], str | tuple[int, object] | None]


@dataclass
class Proxy:
    """What happens to requests on their way, and which there were.

    Attributes:
        fault: Asked about each request.
        asked: All requests so far.
    """

    fault: Fault = lambda _: None
    asked: list[Asked] = field(default_factory=list)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def take(self, asked: Asked) -> str | tuple[int, object] | None:
        """Notes a request and asks for its fault, one request at a time."""
        with self._turn:
            self.asked.append(asked)
            return self.fault(asked)

    def break_first(self, times: int, broken: str | tuple[int, object], path: str = "/") -> None:
        """Breaks the first requests whose path has a part; all others pass."""
        left = [times]

        def fault(asked: Asked) -> str | tuple[int, object] | None:
            if path not in asked.path or left[0] < 1:
                return None
            left[0] -= 1
            return broken

        self.fault = fault


@pytest.fixture(scope="session")
def emulator() -> Iterator[str]:
    """The emulator's address on loopback."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "gcp_storage_emulator", "start", "--in-memory", "--quiet"]
    process = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", str(port)])
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                requests.get(address, timeout=30)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def without_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without Google credentials."""
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    # Or the client would look for the metadata server of a Google machine.
    monkeypatch.setenv("NO_GCE_CHECK", "true")


@pytest.fixture
def bucket(
    emulator: str, without_credentials: None, monkeypatch: pytest.MonkeyPatch
) -> storage.Bucket:
    """An empty bucket `photos` of the emulator, which has no other, through Google's own client."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator)
    requests.get(f"{emulator}/wipe", timeout=30).raise_for_status()
    return storage.Client(project="test").create_bucket("photos")


@pytest.fixture
def proxy(
    bucket: storage.Bucket, emulator: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Proxy]:
    """Puts a proxy between our client and the emulator; `bucket` goes past it."""
    proxy = Proxy()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            content_range = self.headers.get("Content-Range", "")
            fault = proxy.take(Asked(self.command, self.path, content_range))
            length = int(self.headers.get("Content-Length") or 0)
            if fault == "cut":
                self.rfile.read(length // 2)
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            body = self.rfile.read(length)
            if isinstance(fault, tuple):
                self._answer(fault[0], {}, json.dumps(fault[1]).encode())
                return
            upstream = http.client.HTTPConnection(urlsplit(emulator).netloc, timeout=30)
            # With the proxy's name as its host: the addresses that the emulator gives out for
            # the next chunk then lead through the proxy too.
            upstream.request(self.command, self.path, body or None, dict(self.headers))
            answer = upstream.getresponse()
            self._answer(answer.status, dict(answer.headers), answer.read())
            upstream.close()

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 # http.server's names

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                if name not in ("Server", "Date"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield proxy
    server.shutdown()
    thread.join()
    server.server_close()
