"""Compares the encoder of a run with that of its parent before the run begins."""

import multiprocessing
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from components.errors import CaptionflowError
from components.settings.encoder import EncoderSettings
from components.settings.run import RunSettings


def require_parent_encoder(settings: RunSettings) -> None:
    """Checks that a run encodes photos as the model that it continues from does.

    The step `train` checks the same, but only after all photos were encoded. The encoder is built
    in a process of its own, because TensorFlow's memory would not be freed.

    Args:
        settings: Settings of the run; `MLFLOW_TRACKING_URI` must be set.

    Raises:
        SettingError: If the encoder has other weights, preprocessing, output, precision or crops.
        DataError: If the encoder can't be built, or there is no such parent.
        CaptionflowError: If MLflow or an object store can't be used, or the process is killed.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, initializer=_silence) as process:
        comparison = process.submit(_compare, settings.start_from, settings.model_dump())
        try:
            comparison.result()
        except BrokenProcessPool as error:
            raise CaptionflowError(
                f"The process that builds the encoder {settings.encoder}, to compare it with that "
                f"of {settings.start_from}, was killed or crashed. Most likely memory ran out: "
                "close other programs, or use a machine with more memory"
            ) from error


def _silence() -> None:
    """Discards TensorFlow's messages about missing GPUs, which ignore its log level."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _compare(start_from: str, values: Mapping[str, Any]) -> None:
    # Imported in the new process only.
    from components.captioning.encoder.precision import choose_precision
    from components.captioning.encoder.spec import EncoderSpec
    from components.features.building import build_encoder
    from components.registry.parents import open_parent
    from components.train.parent import require_encoder

    settings = EncoderSettings.check({name: values[name] for name in EncoderSettings.model_fields})
    precision = choose_precision(settings.precision, settings.encoder, settings.encoder_weights)
    own = build_encoder(settings, precision).spec
    with open_parent(start_from) as parent:
        require_encoder(EncoderSpec.load(parent.bundle), own, parent.source)
