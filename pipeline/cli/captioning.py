"""Options and process set-up that `captionflow caption`, `demo` and `serve` share."""

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NoReturn

import typer
from PIL import Image

from components.settings.bounds import MAX_BEAM_WIDTH
from components.settings.shared import ModelNameSettings
from pipeline.local.environment import set_environment

DEFAULT_MODEL: str = ModelNameSettings.model_fields["model_name"].default

Beam = Annotated[
    int | None,
    typer.Option(
        help="Beam width: candidates kept per step; 1 means greedy search.",
        min=1,
        max=MAX_BEAM_WIDTH,
        show_default="the model's",
    ),
]
Name = Annotated[str, typer.Option(help="Name of the registered model.")]
Version = Annotated[
    int | None,
    typer.Option(help="Version of the registered model.", min=1, show_default="the champion"),
]
Bundle = Annotated[
    Path | None, typer.Option(help="Folder of a model bundle to use instead of a registered model.")
]

KeepFeatures = Annotated[
    str | None,
    typer.Option(
        metavar="<folder>",
        help="Folder, local, gs:// or s3://, to keep the features of photos in for drift tests "
        "(`captionflow run --requests`), at most 30 days. Photos, captions and names are not kept.",
        show_default="they are not kept",
    ),
]


def prepare(root: Path, *, needs_registry: bool) -> None:
    """Prepares this process; call it before TensorFlow is loaded.

    Args:
        root: The work folder, which holds the MLflow store unless MLFLOW_TRACKING_URI is set.
        needs_registry: Whether the model comes from MLflow.
    """
    if needs_registry:
        set_environment(root)
    # TensorFlow's start-up messages are of no use to users.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Our own error reports photos with too many pixels, in one line.
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def load_tensorflow() -> None:
    """Loads TensorFlow, and discards its libraries' messages about missing GPUs.

    The messages bypass Python and ignore the log level, and a screen reader would read them all.
    """
    sys.stderr.flush()
    stderr, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        import tensorflow as tf

        # The search for devices is the last step that causes messages.
        tf.config.list_physical_devices()
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)


@contextmanager
def temporary_files() -> Iterator[None]:
    """Removes temporary files that libraries such as TensorFlow only remove at a normal exit."""
    before = tempfile.tempdir
    with TemporaryDirectory(prefix="captionflow-", ignore_cleanup_errors=True) as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def exit_at_once() -> NoReturn:
    """Ends this process: Python would first wait for TensorFlow to start, compute and shut down."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
