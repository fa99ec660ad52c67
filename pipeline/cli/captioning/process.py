"""Set-up and end of the processes of `captionflow caption`, `demo` and `serve`."""

import gc
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NoReturn

from PIL import Image

from components.describing.model import Model
from pipeline.local.environment import set_environment

if TYPE_CHECKING:
    from components.captioning.inference.captioner import Captioner


def prepare(root: Path, *, needs_registry: bool) -> None:
    """Prepares this process; call it before TensorFlow is loaded.

    Args:
        root: The work folder, which holds the MLflow store unless MLFLOW_TRACKING_URI is set.
        needs_registry: Whether the model comes from MLflow.
    """
    # TensorFlow logs even harmless remarks about the processor as errors, and a screen reader reads
    # them all. What fails is raised as an exception.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if needs_registry:
        set_environment(root)
    # Our own error reports photos with too many pixels, in one line.
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def load_tensorflow() -> None:
    """Loads TensorFlow, and discards its libraries' messages about missing GPUs.

    The messages bypass Python and ignore the log level, and a screen reader would read them all.
    """
    sys.stderr.flush()
    stderr, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    # Without collections, importing takes a third less time.
    gc.disable()
    try:
        os.dup2(null, 2)
        import tensorflow as tf

        # The search for devices is the last step that causes messages.
        tf.config.list_physical_devices()
    finally:
        gc.enable()
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)


def load_captioner(model: Model, **options: int) -> "Captioner":
    """Loads TensorFlow and then a model.

    Args:
        model: The model's files.
        **options: See `captions.load_captioner`.

    Raises:
        DataError: If the model is incomplete.
    """
    load_tensorflow()
    from components.describing import captions

    return captions.load_captioner(model, **options)


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
