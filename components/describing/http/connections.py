"""Connections with a time limit for the head of a request."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

#: Seconds for the head of a request, from the start of the connection or the head's first byte.
HEAD_SECONDS = 20.0


class TimedConnection(H11Protocol):
    """uvicorn's HTTP/1.1 connection, with a time limit for heads of requests.

    uvicorn itself limits only the pause between a response and the next request.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_began: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Starts the timer for the first head."""
        super().connection_made(transport)  # type: ignore[arg-type] # as asyncio calls it
        self._time_head()

    def data_received(self, data: bytes) -> None:
        """Handles data; the timer runs until the head is complete."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._time_head()
        else:
            self._head_began = None

    def _time_head(self) -> None:
        if self.transport.is_closing():
            return
        self._head_began = self._head_began or self.loop.time()
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_at(
            self._head_began + HEAD_SECONDS, self.timeout_keep_alive_handler
        )
