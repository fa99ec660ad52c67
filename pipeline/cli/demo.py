"""Opens a page that describes photos: `python -m pipeline.demo`.

    python -m pipeline.demo
    python -m pipeline.demo --port 8080 --no-browser --alternatives 2

The page is for people at this machine alone: no other can reach it, and nothing is kept.
"""

import os
import socket
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
import uvicorn

from components.describing.model import DecodeOptions, Model, decode_options, open_model
from components.describing.page.application import make_application
from components.describing.page.request_queue import RequestQueue, make_request_queue
from components.errors import SettingError
from pipeline.cli.captioning import (
    DEFAULT_MODEL,
    Beam,
    Bundle,
    Name,
    Version,
    load_tensorflow,
    prepare,
)
from pipeline.cli.errors import one_line_errors
from pipeline.cli.options import Root
from pipeline.config import make_settings

if TYPE_CHECKING:
    from components.captioning.inference.captioner import Captioner

_HERE = "127.0.0.1"
# As many alternatives as the eye takes in, and the ear bears.
_ALTERNATIVES = 3
# Whoever is still sending a photo at the end gets so many seconds.
_PATIENCE = 1

_Port = Annotated[int, typer.Option(help="0: any that is free.", min=0, max=65535)]
_Browser = Annotated[bool, typer.Option(help="Open the page in the browser.")]
_Alternatives = Annotated[
    int | None,
    typer.Option(
        help="How many next best captions to show.", min=0,
        show_default=f"{_ALTERNATIVES}, or what the beam has",
    ),
]  # fmt: skip


def demo(
    port: _Port = 0,
    browser: _Browser = True,
    beam: Beam = None,
    alternatives: _Alternatives = None,
    model_name: Name = DEFAULT_MODEL,
    model_version: Version = None,
    bundle: Bundle = None,
    root: Root = Path("runs"),
) -> None:
    """Open a page in the browser that captions photos, for this machine alone."""
    with one_line_errors("stopped"):
        settings = make_settings("sample", {"model_name": model_name})
        prepare(root, needs_registry=bundle is None)
        version = None if model_version is None else str(model_version)
        with (
            _temporary_files(),
            _listening(port) as listener,
            open_model(settings.model_name, version=version, bundle=bundle) as model,
        ):
            options = _ask(model, beam, alternatives)
            _serve(listener, model, options, browser=browser)
    # Nothing is left to do; Python would wait for TensorFlow's start, for what it computes, and
    # some seconds for its end.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


class _Server(uvicorn.Server):
    """Lets no photo wait for its end."""

    def __init__(self, config: uvicorn.Config, queue: RequestQueue) -> None:
        super().__init__(config)
        self._queue = queue

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._queue.close()
        await super().shutdown(sockets)


@contextmanager
def _temporary_files() -> Iterator[None]:
    """Removes what libraries, such as TensorFlow, only remove when Python ends by itself."""
    before = tempfile.tempdir
    with TemporaryDirectory(prefix="captionflow-", ignore_cleanup_errors=True) as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    # Before anything slow: who asks early is answered late, but is not refused.
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HERE, port))
            listener.listen()
        except OSError as error:
            raise SettingError(
                f"--port must be one that this user may take and no other program has. "
                f"Received: {port} ({error.strerror})"
            ) from error
        yield listener


def _ask(model: Model, beam: int | None, alternatives: int | None) -> DecodeOptions:
    if alternatives is not None:
        return decode_options(model, beam, alternatives)
    options = decode_options(model, beam, 0)
    return replace(options, alternatives=min(_ALTERNATIVES, options.beam_width - 1))


def _serve(listener: socket.socket, model: Model, options: DecodeOptions, *, browser: bool) -> None:
    def load() -> "Captioner":
        load_tensorflow()
        from components.describing.captions import load_captioner

        return load_captioner(model, batch_size=1)

    queue = make_request_queue(load, options)
    server = _Server(
        uvicorn.Config(
            make_application(queue, options, model.name),
            # As this process logs: uvicorn's own settings would end handlers of others.
            log_config=None,
            log_level="warning",
            proxy_headers=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=_PATIENCE,
        ),
        queue,
    )

    def end_without_a_model(loaded: "Future[Captioner]") -> None:
        server.should_exit = server.should_exit or loaded.exception() is not None

    queue.model.add_done_callback(end_without_a_model)
    url = "http://{}:{}".format(*listener.getsockname())
    typer.echo(f"{model.name} describes photos at {url} until Ctrl-C")
    if browser:
        # Some browsers return only when they are closed.
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        # The way to end it.
        return
    # It ended by itself: the model is not whole.
    queue.model.result()
