"""Sends the demo and the model server the requests of crowds and hostile clients.

    python tests/faults/servers.py BUNDLE

BUNDLE is a model's folder, for example `build/kills/base/runs/artifacts/*/evaluate/scored_model`.
"""

import base64
import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
from attempts import PROJECT
from PIL import Image

_MIB = 1 << 20
_SECONDS = 300.0


class Server:
    """A server in its own process, and its peak memory."""

    def __init__(self, command: str, bundle: Path, *options: str) -> None:
        # Output goes to files: a server that fills a pipe that nobody reads waits forever.
        self._folder = tempfile.TemporaryDirectory(prefix="captionflow-server-")
        self._output = Path(self._folder.name) / "output"
        self._errors = Path(self._folder.name) / "errors"
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.cli", command, *options, str(bundle),
                 "--port", "0"],
                stdout=output, stderr=errors, cwd=PROJECT,
                env={**os.environ, "PYTHONPATH": str(PROJECT)},
            )  # fmt: skip
        self.host, self.port = self._address()
        self.peak = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "") -> tuple[str, bytes]:
        """Returns the status of a response and its body, or the name of the error."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=_SECONDS)
        try:
            connection.request(method, path, body, {"Content-Type": kind} if kind else {})
            response = connection.getresponse()
            return str(response.status), response.read()
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__, b""
        finally:
            connection.close()

    def wait(self, path: str, is_ready: Callable[[str, bytes], bool]) -> None:
        """Waits until the model is ready."""
        while not is_ready(*self.ask("GET", path)):
            if self.process.poll() is not None:
                raise SystemExit(self._printed())
            time.sleep(0.2)

    def stop(self) -> str:
        """Stops the server as Kubernetes does; returns how it ended."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=120)
        return f"exit code {code}, {self._errors.stat().st_size} bytes of errors"

    def close(self) -> None:
        """Kills the server, unless it has ended, and removes its output."""
        self.process.kill()
        self.process.wait()
        self._folder.cleanup()

    def _address(self) -> tuple[str, int]:
        """Waits until the server prints its address; ends this script if there is none."""
        limit = time.monotonic() + _SECONDS
        while not (found := re.search(r"http://([0-9.]+):([0-9]+)", self._printed())):
            if self.process.poll() is not None or time.monotonic() > limit:
                printed = self._printed()
                self.close()
                raise SystemExit(f"no address was printed\n{printed}")
            time.sleep(0.1)
        return found[1], int(found[2])

    def _printed(self) -> str:
        return "".join(file.read_text(errors="replace") for file in (self._output, self._errors))

    def _watch(self) -> None:
        try:
            server = psutil.Process(self.process.pid)
            while True:
                processes = (server, *server.children(recursive=True))
                self.peak = max(self.peak, sum(each.memory_info().rss for each in processes))
                time.sleep(0.05)
        except psutil.NoSuchProcess:
            return


@contextmanager
def _served(command: str, bundle: Path, *options: str) -> Iterator[Server]:
    server = Server(command, bundle, *options)
    try:
        yield server
    finally:
        server.close()


def try_demo(bundle: Path) -> None:
    """A crowd, and uploads that stop half-way."""
    with _served("demo", bundle, "--no-browser", "--bundle") as server:
        server.wait("/status", lambda _, body: json.loads(body or b"{}").get("ready", False))
        photo = _photo(900, 1200)

        def upload(_: int) -> str:
            return server.ask("POST", "/captions?name=a.png", photo)[0]

        _show(f"demo: one upload of {len(photo) >> 20} MiB: {upload(0)}")
        with ThreadPoolExecutor(100) as clients:
            statuses = Counter(clients.map(upload, range(1555)))
        _show(f"demo: 1,555 uploads by 100 clients: {dict(statuses)}; {server.peak >> 20} MiB")
        head = f"POST /captions HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n"
        stalled = [socket.create_connection((server.host, server.port), 120) for _ in range(100)]
        for connection in stalled:
            connection.sendall(f"{head}Content-Length: 100000\r\n\r\npart".encode())
        began = time.monotonic()
        while (status := upload(0)) != "200":
            time.sleep(0.2)
        _show(f"demo: after 100 stalled uploads: {status} after {time.monotonic() - began:.1f} s")
        answers = Counter(_answer(connection) for connection in stalled)
        _show(f"demo: their answers: {dict(answers)}, after {time.monotonic() - began:.1f} s")
        _show(f"demo: SIGTERM: {server.stop()}")


def try_serve(bundle: Path) -> None:
    """Start-up, large and hostile bodies, and the end."""
    with _served("serve", bundle, "--model") as server:
        body = _body(_photo(60, 80))
        early = [server.ask("GET", "/ping")[0], server.ask("POST", "/invocations", body)[0]]
        began = time.monotonic()
        server.wait("/ping", lambda status, _: status == "200")
        _show(f"serve: before it is ready: {early}; ready after {time.monotonic() - began:.1f} s")
        _ask(server, "first photo", body)
        for name, hostile in _hostile_bodies().items():
            with ThreadPoolExecutor(8) as clients:
                statuses = Counter(
                    status
                    for status, _ in clients.map(
                        lambda _, sent=hostile: server.ask("POST", "/invocations", sent), range(8)
                    )
                )
            _show(f"serve: 8 x 64 MiB of {name}: {dict(statuses)}; peak {server.peak >> 20} MiB")
        for name, (content, kind) in _small_bodies().items():
            _ask(server, name, content, kind)
        _ask(server, "a photo", body)
        with ThreadPoolExecutor(8) as clients:
            answers = [clients.submit(server.ask, "POST", "/invocations", body) for _ in range(8)]
            time.sleep(0.2)
            ended = server.stop()
            _show(f"serve: SIGTERM during 8 requests: {ended}; {[a.result()[0] for a in answers]}")


def _ask(server: Server, name: str, content: bytes, kind: str = "application/json") -> None:
    began = time.monotonic()
    status, answer = server.ask("POST", "/invocations", content, kind)
    took = time.monotonic() - began
    traceback = ", a TRACEBACK" if b"Traceback" in answer else ""
    shown = "" if status == "200" else f" {answer[:150]!r}"
    _show(f"serve: {name}: {status} in {took:.1f} s{traceback}; {server.peak >> 20} MiB{shown}")


def _hostile_bodies() -> dict[str, bytes]:
    size = 64 * _MIB - 100
    start, end = b'{"inputs": {"photo": [', b"]}}"
    return {
        "strings": start + b'"",' * (size // 3) + b'""' + end,
        "strings of 600 characters": start + b'"%s",' % (b"A" * 600) * (size // 603) + b'""' + end,
        "one string": start + b'"%s"' % (b"A" * size) + end,
        "one escaped string": start + b'"%s"' % (b"\\u0041" * (size // 6)) + end,
        "keys": b'{"inputs": {%s"photo": "a"}}' % (b'"key": 1, ' * (size // 10)),
        "brackets": b"[" * size,
        "one number": b'{"inputs": {"photo": %s}}' % (b"9" * size),
    }


def _small_bodies() -> dict[str, tuple[bytes, str]]:
    kind = "application/json"
    wide, wider = Image.new("1", (8000, 8000)), Image.new("1", (8000, 8001))
    return {
        "a photo of 64,000,000 pixels": (_body(_png(wide)), kind),
        "a photo of 64,008,000 pixels": (_body(_png(wider)), kind),
        "eight photos of 64,000,000 pixels": (_body(*[_png(wide)] * 8), kind),
        "deep JSON": (b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", kind),
        "deep objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, kind),
        "5,000 digits": (b'{"inputs": {"photo": %s}}' % (b"9" * 5000), kind),
        "5,000 digits as a parameter": (
            b'{"inputs": {"photo": "a"}, "params": {"beam_width": %s}}' % (b"9" * 5000), kind,
        ),
        "a beam width of 10^6": (_body(_photo(60, 80), beam_width=10**6), kind),
        "NaN": (b'{"inputs": {"photo": NaN}}', kind),
        "CSV": (b"photo\nYQ==\n", "text/csv"),
        "another type": (b"<a/>", "application/xml; charset=nonsense"),
    }  # fmt: skip


def _body(*photos: bytes, **params: int) -> bytes:
    rows = [[base64.b64encode(photo).decode()] for photo in photos]
    split = {"columns": ["photo"], "data": rows}
    return json.dumps({"dataframe_split": split, "params": params}).encode()


def _photo(height: int, width: int) -> bytes:
    noise = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
    return _png(Image.fromarray(noise))


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _answer(connection: socket.socket) -> str:
    with connection:
        try:
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError as error:
            return type(error).__name__
        return received.split(b"\r\n")[0].decode() or "closed"


def _show(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)  # noqa: T201


if __name__ == "__main__":
    try_demo(Path(sys.argv[1]))
    try_serve(Path(sys.argv[1]))
