"""Serves the page, to this machine alone."""

import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from components.describing.http.server import make_server, run_server
from components.describing.model import DecodeOptions, Model
from components.describing.page.application import make_application
from components.describing.page.request_queue import make_request_queue

if TYPE_CHECKING:
    from components.captioning.inference.captioner import Captioner

# Seconds that an upload in progress has to finish when the server stops.
_GRACE = 1


def serve(
    listener: socket.socket,
    load_captioner: "Callable[[], Captioner]",
    model: Model,
    options: DecodeOptions,
    on_start: Callable[[str], None],
    examples: Sequence[Path] = (),
) -> None:
    """Serves the page until Ctrl-C, while the model loads in the background.

    Args:
        listener: Obtained from `listen`.
        load_captioner: Loads the captioner.
        model: The model, whose name and language the page shows.
        options: Decoding options.
        on_start: Called with the page's address before the server starts.
        examples: JPEG files that the page offers to try the model on.

    Raises:
        CaptionflowError: If the model can't be loaded.
    """
    queue = make_request_queue(load_captioner, options)
    application = make_application(queue, options, model.name, model.language, examples)
    # The queue is closed first, so that no photo waits for the model.
    server = make_server(application, grace=_GRACE, on_stop=queue.close)
    on_start("http://{}:{}".format(*listener.getsockname()))
    run_server(server, listener, queue.model)
