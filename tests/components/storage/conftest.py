"""A proxy that breaks the requests to an object store, and a small file."""

import asyncio
import http.client
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

_ENDPOINTS = {"gs": "STORAGE_EMULATOR_HOST", "s3": "AWS_ENDPOINT_URL"}


class Asked(NamedTuple):
    """A request as the proxy sees it."""

    method: str
    path: str
    is_upload: bool


#: What to do with a request: pass it on (None), answer it (status and body), read half of it and
#: hang up ("cut"), or never answer ("silence").
Fault = str | tuple[int, str] | None


@dataclass
class Proxy:
    """What happens to requests on their way, and which there were."""

    fault: Callable[[Asked], Fault] = lambda _: None
    asked: list[Asked] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, asked: Asked) -> Fault:
        """Notes a request and asks for its fault, one request at a time."""
        with self._lock:
            self.asked.append(asked)
            return self.fault(asked)

    def break_first(self, times: int, fault: Fault) -> None:
        """Breaks the first requests; all others pass."""
        self.asked.clear()
        self.fault = lambda _: fault if len(self.asked) <= times else None

    def uploads(self) -> int:
        """Returns how many requests brought the content of a file."""
        return sum(asked.is_upload for asked in self.asked)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "glove.txt"
    path.write_text("dog 1 2")
    return path


@pytest.fixture
def proxy(remote: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Puts a proxy between our code and the bucket `remote`, whose own client goes past it."""
    proxy = Proxy()
    variable = _ENDPOINTS[remote.kind]
    upstream_host = urlsplit(os.environ[variable]).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            is_upload = "upload_id=" in self.path or self.command == "PUT"
            fault = proxy.take(Asked(self.command, self.path, is_upload))
            length = int(self.headers.get("Content-Length") or 0)
            if fault in ("cut", "silence"):
                self.rfile.read(length // 2)
                if fault == "silence":
                    proxy.ended.wait()
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            body = self.rfile.read(length)
            if isinstance(fault, tuple):
                self._answer(fault[0], {}, fault[1].encode())
                return
            upstream = http.client.HTTPConnection(upstream_host, timeout=30)
            # With the proxy's name as its host: the addresses that the server gives out for
            # the next part then lead through the proxy too.
            upstream.request(self.command, self.path, body or None, dict(self.headers))
            answer = upstream.getresponse()
            self._answer(answer.status, dict(answer.headers), answer.read())
            upstream.close()

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = _serve  # noqa: N815

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            if self.command != "HEAD":
                headers = {**headers, "Content-Length": str(len(body))}
            for name, value in headers.items():
                if name not in ("Server", "Date", "Connection", "Transfer-Encoding"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    monkeypatch.setenv(variable, f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield proxy
    proxy.ended.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the pauses out of gcsfs' and s3fs' retries; how often they try stays as it is."""
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda *_: sleep(0))
