"""An application with limits, served on loopback, and raw connections to it."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from components.captioning.inference.batching import DynamicBatcher
from components.describing.http.bodies import BodyLimits
from components.describing.http.loopback import LOOPBACK
from components.describing.http.server import listen, make_server
from components.errors import CaptionflowError

PLACES = 8
MAX_BYTES = 1 << 20


def _application() -> Starlette:
    batcher: Any = DynamicBatcher(lambda: None, lambda *_: [], max_waiting=PLACES)

    async def count(request: Request) -> PlainTextResponse:
        with batcher.slot():
            return PlainTextResponse(f"{len(await request.body())} bytes")

    async def refuse(_: Request) -> PlainTextResponse:
        return PlainTextResponse("no", 403)

    async def work(_: Request) -> PlainTextResponse:
        await asyncio.sleep(1)
        return PlainTextResponse("done")

    async def full(_: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse(str(error), 503)

    return Starlette(
        routes=[
            Route("/count", count, methods=["POST"]),
            Route("/refuse", refuse, methods=["POST"]),
            Route("/work", work),
        ],
        middleware=[
            Middleware(BodyLimits, max_bytes=MAX_BYTES, too_large=lambda _: "at most 1 MiB")
        ],
        exception_handlers={CaptionflowError: full},
    )


class Served:
    """The running server."""

    def __init__(self, server: Any, port: int) -> None:
        self.server, self.port = server, port

    @contextmanager
    def connection(self) -> Iterator[socket.socket]:
        with socket.create_connection((LOOPBACK, self.port), timeout=30) as connection:
            yield connection

    def head(self, path: str, *headers: str) -> bytes:
        """The head of a request with a body."""
        lines = [f"POST {path} HTTP/1.1", f"Host: {LOOPBACK}:{self.port}", *headers]
        return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()

    def answer(self, connection: socket.socket) -> str:
        """All that the server sends until it closes the connection."""
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


@pytest.fixture
def served() -> Iterator[Served]:
    server = make_server(_application(), grace=2)
    with listen(LOOPBACK, 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Served(server, listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()
