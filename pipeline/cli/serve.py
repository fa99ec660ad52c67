"""`captionflow serve`: a model server for programs.

captionflow serve
captionflow serve --model models:/captionflow-flickr8k@champion --host 0.0.0.0 --port 8080
captionflow serve --model FOLDER

It speaks MLflow's scoring protocol; `/docs` describes it.
"""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from components.describing.http.loopback import LOOPBACK
from components.registry.model_uri import is_model_uri
from pipeline.cli.captioning.options import DEFAULT_MODEL, KeepFeatures
from pipeline.cli.errors import one_line_errors
from pipeline.cli.options import Root
from pipeline.cli.waiting import announce

_Model = Annotated[
    str,
    typer.Option(
        help="Registered model, as models:/NAME@ALIAS or models:/NAME/VERSION; or the folder of a "
        "model bundle."
    ),
]
_Host = Annotated[
    str, typer.Option(help="Address to listen on; 0.0.0.0: all addresses of this machine.")
]
_Port = Annotated[int, typer.Option(help="Port; 0: any free port.", min=0, max=65535)]


def serve_model(
    model: _Model = f"models:/{DEFAULT_MODEL}@champion",
    host: _Host = LOOPBACK,
    port: _Port = 8080,
    root: Root = Path("runs"),
    keep_features: KeepFeatures = None,
) -> None:
    """Serve a model over HTTP to programs, with MLflow's scoring protocol."""
    with one_line_errors("stopped"):
        announce("Loading the model …")
        # These take seconds to import.
        from components.describing.http.server import listen
        from components.describing.serving.model_source import open_source
        from pipeline.cli.captioning.last_model import naming_last_model
        from pipeline.cli.captioning.process import (
            exit_at_once,
            load_captioner,
            prepare,
            temporary_files,
        )

        prepare(root, needs_registry=is_model_uri(model))
        with (
            temporary_files(),
            listen(host, port) as listener,
            naming_last_model(root, option="--model"),
            open_source(model) as opened,
        ):
            # FastAPI takes half a second to load.
            from components.describing.serving.server import serve

            address = "http://{}:{}".format(*listener.getsockname())
            typer.echo(f"{opened.name} captions photos at {address}. Press Ctrl-C to stop.")
            serve(listener, partial(load_captioner, opened), opened, features=keep_features)
        exit_at_once()
