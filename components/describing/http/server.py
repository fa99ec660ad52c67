"""Runs an application with uvicorn while its model loads."""

import errno
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from components.describing.http.connections import TimedConnection
from components.errors import SettingError


@contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """Yields a socket that listens on an address.

    Connections that arrive before the server runs are queued, not refused.

    Args:
        host: The IPv4 address.
        port: The port; 0 for any free one.

    Raises:
        SettingError: If the address is not one of this machine, or the port is in use or reserved.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen()
        except OSError as error:
            raise SettingError(_refusal(host, port, error)) from error
        yield listener


def _refusal(host: str, port: int, error: OSError) -> str:
    # socket.gaierror: not an address at all.
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"--host must be an address of this machine. Received: {host} ({error.strerror})"
    return (
        f"--port must be a free port that this user may open. Received: {port} ({error.strerror})"
    )


def make_server(
    application: ASGIApp, *, grace: int, on_stop: Callable[[], None] | None = None
) -> uvicorn.Server:
    """Makes a server.

    Args:
        application: The application.
        grace: Seconds that requests in progress have to finish when the server stops.
        on_stop: Called when the server begins to shut down.
    """
    config = uvicorn.Config(
        application,
        http=TimedConnection,
        # Keep this process's logging: uvicorn's own settings would remove other handlers.
        log_config=None,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=grace,
    )
    return _Server(config, on_stop)


def run_server(server: uvicorn.Server, listener: socket.socket, model: "Future[Any]") -> None:
    """Runs a server until Ctrl-C or SIGTERM, or until its model fails to load.

    Args:
        server: Obtained from `make_server`.
        listener: Obtained from `listen`.
        model: The model, which may still be loading.

    Raises:
        CaptionflowError: If the model can't be loaded.
    """

    def stop_without_a_model(loaded: "Future[Any]") -> None:
        server.should_exit = server.should_exit or loaded.exception() is not None

    model.add_done_callback(stop_without_a_model)
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        # Ctrl-C is the usual way to stop the server.
        return
    # The server stopped by itself because the model could not be loaded: raise the reason.
    model.result()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._on_stop is not None:
            self._on_stop()
        await super().shutdown(sockets)
