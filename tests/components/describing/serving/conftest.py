"""The model server with a tiny model, as a process of its own on loopback."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

PROJECT = Path(__file__).parents[4]


class Server:
    """A running server."""

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self.process, self.url = process, url

    def wait(self) -> None:
        """Waits until it is ready."""
        end = time.monotonic() + 300
        while (answer := httpx.get(f"{self.url}/ping", timeout=60)).status_code != 200:
            assert answer.status_code == 503, answer.text
            assert time.monotonic() < end
            time.sleep(0.1)

    def post(self, content: Any, kind: str = "application/json") -> httpx.Response:
        return httpx.post(
            f"{self.url}/invocations", content=content, headers={"Content-Type": kind}, timeout=120
        )

    def stop(self) -> str:
        """Stops it as Kubernetes does; returns what it wrote to standard error."""
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors
        return errors


@pytest.fixture(scope="session")
def start_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., AbstractContextManager[Server]]:
    """Returns a function that runs `captionflow serve` with arguments during a with statement."""

    @contextmanager
    def start(*arguments: str, **environment: str) -> Iterator[Server]:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", "serve", *arguments],
            cwd=tmp_path_factory.mktemp("here"),
            env={**os.environ, "PYTHONPATH": str(PROJECT), **environment},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            line = process.stdout.readline() if process.stdout else ""
            found = re.search(r"http://[0-9.]+:[0-9]+", line)
            if found is None:
                raise RuntimeError(process.communicate()[1])
            yield Server(process, found.group())
        finally:
            process.kill()
            process.communicate()

    return start


@pytest.fixture(scope="package")
def server(start_server: Any, tiny_bundle: Path) -> Iterator[Server]:
    """A server that is ready."""
    with start_server("--model", str(tiny_bundle), "--port", "0") as server:
        server.wait()
        yield server
