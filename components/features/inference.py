"""The encoder as Beam's RunInference takes it: loaded once a worker, photos in batches."""

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from apache_beam.ml.inference.base import ModelHandler, PredictionResult
from numpy.typing import NDArray

from components.captioning.encoder import Encoder
from components.features.tasks import EncodingTask, read_photo
from components.platform.errors import DataError

logger = logging.getLogger(__name__)


@dataclass
class EncodingWorker:
    """What a worker keeps between batches.

    Attributes:
        encoder: The encoder.
        readers: Threads that decode photos while the encoder computes.
        done: Photos that this worker has encoded.
        started: When it was ready to, in seconds.
    """

    encoder: Encoder
    readers: ThreadPoolExecutor = field(default_factory=ThreadPoolExecutor)
    done: int = 0
    started: float = field(default_factory=time.perf_counter)


class EncoderHandler(ModelHandler[EncodingTask, PredictionResult, EncodingWorker]):
    """Encodes lists of tasks; a task's inference is its feature, float16 [D].

    Args:
        directory: What `Encoder.save` wrote.
        batch_size: Photos that are encoded at once.
        total: Photos in all, for the log.
    """

    def __init__(self, directory: Path, batch_size: int, total: int) -> None:
        super().__init__()
        self._directory = directory
        self._batch_size = batch_size
        self._total = total

    def load_model(self) -> EncodingWorker:
        """Returns the encoder; Beam calls this once a worker."""
        return EncodingWorker(Encoder.load(self._directory, batch_size=self._batch_size))

    def run_inference(
        self,
        batch: Sequence[EncodingTask],
        model: EncodingWorker,
        inference_args: dict[str, Any] | None = None,
    ) -> Iterator[PredictionResult]:
        """Yields each task with its feature.

        Args:
            batch: Photos to read; all are decoded while the first of them are encoded.
            model: The worker.
            inference_args: None are used.

        Raises:
            DataError: If a photo can't be read, or a feature does not fit float16.
        """
        size = model.encoder.identity.size
        photos = model.readers.map(partial(read_photo, size=size), batch)
        for start in range(0, len(batch), self._batch_size):
            tasks = batch[start : start + self._batch_size]
            pixels = np.stack(list(islice(photos, len(tasks))))  # uint8 [B, size, size, 3]
            with np.errstate(over="ignore"):
                features = model.encoder.encode(pixels).astype(np.float16)
            check_features(tasks, features)
            for task, feature in zip(tasks, features, strict=True):
                yield PredictionResult(task, feature)
            model.done += len(tasks)
        rate = model.done / (time.perf_counter() - model.started)
        logger.info("features %d/%d, %.0f photos/s", model.done, self._total, rate)


def check_features(tasks: Sequence[EncodingTask], features: NDArray[np.float16]) -> None:
    """Checks that features, [B, D], are numbers: not NaN, and not too large for float16.

    Raises:
        DataError: If they are not, with the first photo's name.
    """
    fits = np.isfinite(features).all(axis=1)
    if not fits.all():
        raise DataError(
            "Features must be numbers within float16, up to 65504. The encoder's are not for "
            f"photo {tasks[int(fits.argmin())].image_id}: check encoder_weights"
        )
