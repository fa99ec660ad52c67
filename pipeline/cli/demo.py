"""`captionflow demo`: a page in the browser that captions photos.

captionflow demo
captionflow demo --port 8080 --no-browser --alternatives 2

Only this machine can reach the page, and no photo is saved.
"""

import threading
import webbrowser
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from components.describing.http.loopback import LOOPBACK
from components.describing.model import DEFAULT_ALTERNATIVES, decode_options
from pipeline.cli.captioning.options import DEFAULT_MODEL, Beam, Bundle, Name, Version
from pipeline.cli.errors import one_line_errors
from pipeline.cli.options import Root
from pipeline.cli.waiting import announce

# Photos to try the model on; only a checkout has them.
_EXAMPLES = Path(__file__).parents[2] / "notebooks" / "photos"

_Port = Annotated[int, typer.Option(help="Port of the page; 0: any free port.", min=0, max=65535)]
_Browser = Annotated[bool, typer.Option(help="Open the page in the browser.")]
_Alternatives = Annotated[
    int | None,
    typer.Option(
        help="Number of alternative captions to show.", min=0,
        show_default=f"{DEFAULT_ALTERNATIVES}, or as many as the beam has",
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
    """Open a page in the browser that captions photos; only this machine can reach it."""
    with one_line_errors("stopped"):
        announce("Loading the model …")
        # These take seconds to import.
        from components.describing.http.server import listen
        from components.describing.page.server import serve
        from pipeline.cli.captioning.chosen_model import chosen_model
        from pipeline.cli.captioning.process import exit_at_once, load_captioner, temporary_files

        with (
            temporary_files(),
            listen(LOOPBACK, port) as listener,
            chosen_model(model_name, model_version, bundle, root) as model,
        ):
            options = decode_options(model, beam, alternatives)

            def open_page(url: str) -> None:
                typer.echo(f"{model.name} captions photos at {url}. Press Ctrl-C to stop.")
                if browser:
                    # Some browsers return only when they are closed.
                    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

            load = partial(load_captioner, model, batch_size=1)
            serve(listener, load, model, options, open_page, sorted(_EXAMPLES.glob("*.jpg")))
        exit_at_once()
