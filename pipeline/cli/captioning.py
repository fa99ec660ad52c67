"""What `caption` and `demo` share: options, and how the process is prepared."""

import os
import sys
import warnings
from pathlib import Path
from typing import Annotated

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
Name = Annotated[str, typer.Option(help="Registered model.")]
Version = Annotated[
    int | None, typer.Option(help="Version of the model.", min=1, show_default="the champion")
]
Bundle = Annotated[
    Path | None, typer.Option(help="Folder of a model to use instead of a registered one.")
]


def prepare(root: Path, *, needs_registry: bool) -> None:
    """Prepares this process; to be called before TensorFlow is loaded.

    Args:
        root: The work folder, where MLflow's store is unless the environment names another.
        needs_registry: Whether the model comes from there.
    """
    if needs_registry:
        set_environment(root)
    # Libraries' notes on their own start tell a user nothing.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Photos with too many pixels are told by us, in one line.
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def load_tensorflow() -> None:
    """Loads TensorFlow, without what its libraries write of GPUs that are not there.

    They write past Python, whatever the log level is. A screen reader would read it all.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import tensorflow as tf

        # To look for devices is the last that they have something to say about.
        tf.config.list_physical_devices()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
