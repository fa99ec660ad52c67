"""Limits the size and time of request bodies, and discards their rest after an early response."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Requests whose bodies may be in memory at the same time, being received or waiting for the model.
MAX_BODIES = 8
#: Seconds that a body may take, plus one second for each `MIN_RATE` bytes received (the rule of
#: Apache's mod_reqtimeout).
BODY_SECONDS = 20.0
#: Bytes per second; slower than any mobile network that can send a photo.
MIN_RATE = 64 << 10
#: Seconds for which a client may continue to send after its response, in total and between two
#: parts, before the connection is closed (nginx's lingering_time and lingering_timeout).
LINGER_SECONDS = 30.0
LINGER_IDLE_SECONDS = 5.0

_CLOSE = (b"connection", b"close")
# nginx's code for a connection that the client closed; only logs and metrics show it.
_CLIENT_CLOSED = 499


class BodyLimits:
    """ASGI middleware that limits bodies of requests.

    A body that is too large or too slow raises an `HTTPException` (413 or 408) where the
    application reads it. If the application responds before it has read the whole body, the rest is
    discarded after the response and the connection is closed. Without that, TCP would reset the
    connection, and a client that is still sending would lose the response.

    Args:
        app: The application.
        max_bytes: The size limit of a body.
        too_large: Returns the error message for a larger body, given the request's ASGI scope.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, too_large: Callable[[Scope], str]) -> None:
        self.app = app
        self._max_bytes = max_bytes
        self._too_large = too_large

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a request, as ASGI defines it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(scope, receive, send, self._max_bytes, self._too_large)
        await self.app(scope, body.receive, body.send)


async def client_closed(_: Request, __: Exception) -> Response:
    """Answers a request whose client closed the connection; nobody receives the answer."""
    return Response(status_code=_CLIENT_CLOSED)


class _Body:
    """The body of one request."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        max_bytes: int,
        too_large: Callable[[Scope], str],
    ) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._max_bytes, self._too_large = max_bytes, too_large
        headers = dict(scope["headers"])
        announced = headers.get(b"content-length", b"0")
        self._announced = int(announced) if announced.isdigit() else 0
        # Whether the whole body has been received.
        self._complete = not self._announced and b"transfer-encoding" not in headers
        # Whether the client waits for permission to send the body (`Expect: 100-continue`).
        self._held_back = headers.get(b"expect", b"").lower() == b"100-continue"
        self._received = 0
        self._began = 0.0

    async def receive(self) -> Message:
        """Receives a part of the body; raises HTTPException if a limit is exceeded."""
        if self._complete:
            return await self._receive()
        if self._announced > self._max_bytes:
            raise HTTPException(413, self._too_large(self._scope))
        self._held_back = False
        self._began = self._began or time.monotonic()
        end = self._began + BODY_SECONDS + self._received / MIN_RATE
        try:
            message = await self._receive_by(end)
        except TimeoutError:
            raise HTTPException(
                408, f"The request took too long: only {self._received} bytes arrived in time"
            ) from None
        self._note(message)
        if self._received > self._max_bytes:
            raise HTTPException(413, self._too_large(self._scope))
        return message

    async def send(self, message: Message) -> None:
        """Sends a part of the response; after its last part, discards the rest of the body."""
        if self._complete:
            await self._send(message)
        elif message["type"] == "http.response.start":
            await self._send({**message, "headers": [*message.get("headers", ()), _CLOSE]})
        elif message.get("more_body", False):
            await self._send(message)
        else:
            # The client has the whole response before the connection is closed.
            await self._send({**message, "more_body": True})
            if not self._held_back:
                await self._discard()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _discard(self) -> None:
        end = time.monotonic() + LINGER_SECONDS
        with suppress(TimeoutError):
            while not self._complete:
                self._note(await self._receive_by(min(end, time.monotonic() + LINGER_IDLE_SECONDS)))

    async def _receive_by(self, end: float) -> Message:
        left = end - time.monotonic()
        # If a part has already arrived, a timeout of zero seconds would never be raised.
        if left <= 0:
            raise TimeoutError
        async with asyncio.timeout(left):
            return await self._receive()

    def _note(self, message: Message) -> None:
        self._received += len(message.get("body", b""))
        # A message without `more_body` is the last part, or says that the client has disconnected.
        self._complete = not message.get("more_body", False)
