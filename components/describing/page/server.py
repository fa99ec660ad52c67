"""Serves the page with uvicorn, to this machine alone."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from components.describing.model import DecodeOptions
from components.describing.page.application import make_application
from components.describing.page.request_queue import RequestQueue, make_request_queue
from components.errors import SettingError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from components.captioning.inference.captioner import Captioner

_LOOPBACK = "127.0.0.1"
# Seconds that an upload in progress has to finish when the server stops.
_GRACE = 1


@contextmanager
def listen(port: int) -> Iterator[socket.socket]:
    """Yields a socket that listens on this machine's loopback address.

    Requests that arrive before `serve` runs wait; they are not refused.

    Args:
        port: The port; 0 for any free one.

    Raises:
        SettingError: If the port is taken or reserved.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_LOOPBACK, port))
            listener.listen()
        except OSError as error:
            raise SettingError(
                f"--port must be a free port that this user may open. Received: {port} "
                f"({error.strerror})"
            ) from error
        yield listener


def serve(
    listener: socket.socket,
    load_captioner: "Callable[[], Captioner]",
    options: DecodeOptions,
    model: str,
    on_start: Callable[[str], None],
) -> None:
    """Serves the page until Ctrl-C, while the model loads in the background.

    Args:
        listener: Obtained from `listen`.
        load_captioner: Loads the captioner.
        options: Decoding options.
        model: Name of the model, for the page.
        on_start: Called with the page's address before the server starts.

    Raises:
        CaptionflowError: If the model can't be loaded.
    """
    queue = make_request_queue(load_captioner, options)
    server = _Server(
        uvicorn.Config(
            make_application(queue, options, model),
            # Keeps this process's logging: uvicorn's own settings would remove other handlers.
            log_config=None,
            log_level="warning",
            proxy_headers=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=_GRACE,
        ),
        queue,
    )

    def stop_without_a_model(loaded: "Future[Captioner]") -> None:
        server.should_exit = server.should_exit or loaded.exception() is not None

    queue.model.add_done_callback(stop_without_a_model)
    on_start("http://{}:{}".format(*listener.getsockname()))
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        # The usual way to stop the server.
        return
    # The server stopped by itself because the model could not be loaded: raise the reason.
    queue.model.result()


class _Server(uvicorn.Server):
    """Closes the request queue first when it stops, so that no photo waits for the model."""

    def __init__(self, config: uvicorn.Config, queue: RequestQueue) -> None:
        super().__init__(config)
        self._queue = queue

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._queue.close()
        await super().shutdown(sockets)
