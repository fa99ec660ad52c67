"""Photos to segments of features, as a Beam transform: one encoder a process, full batches."""

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import apache_beam as beam
import numpy as np
from apache_beam.utils.shared import Shared
from numpy.typing import NDArray

from components.captioning.encoder.casting import cast_to_float16
from components.captioning.encoder.encoder import Encoder
from components.captioning.encoder.precision import require_precision
from components.captioning.encoder.spec import EncoderSpec
from components.errors import DataError
from components.features.compaction import SHARD_BYTES
from components.features.shards import write_feature_shard
from components.features.store import FeatureStore
from components.features.tasks import EncodingTask, read_photo

logger = logging.getLogger(__name__)

# Batches that are decoded beside the one that is computed.
_AHEAD = 1


class EncodeImages(beam.DoFn):
    """Encodes lists of tasks: each becomes segments in the store, whose names are the output.

    Args:
        directory: What `Encoder.save` wrote; a process that has no encoder yet reads it there.
        shared: What the encoder of this process is had by.
        store: Where the segments go.
        batch_size: Photos that are encoded at once.
        total: Photos in all, for the log.
    """

    def __init__(
        self, directory: Path, shared: Shared, store: FeatureStore, batch_size: int, total: int
    ) -> None:
        super().__init__()
        self._directory = directory
        self._shared = shared
        self._store = store
        self._batch_size = batch_size
        self._total = total
        self._done = 0

    def setup(self) -> None:
        """Gets the encoder; Beam calls this once a worker.

        Raises:
            SettingError: If this machine can't compute in the encoder's precision.
            DataError: If there is no encoder, or not a whole one.
        """
        # The features would go to those of another precision.
        require_precision(EncoderSpec.load(self._directory).precision)
        self._encoder: Encoder = self._shared.acquire(
            lambda: Encoder.load(self._directory, batch_size=self._batch_size)
        )
        self._readers = ThreadPoolExecutor()
        self._started = time.perf_counter()

    def teardown(self) -> None:
        """Ends the threads."""
        self._readers.shutdown(cancel_futures=True)

    def process(self, element: Sequence[EncodingTask]) -> Iterator[str]:
        """Yields the names of segments that hold the features of all tasks of a list.

        Args:
            element: Photos to read and encode.

        Raises:
            DataError: If a photo can't be read, or a feature does not fit float16.
            SettingError, CaptionflowError: If the store can't be used.
        """
        photos: list[str] = []
        features: list[NDArray[np.float16]] = []
        for tasks, pixels in self._batches(element):
            encoded, fit = cast_to_float16(self._encoder.encode(pixels))
            require_numbers(tasks, fit)
            photos += [task.sha256 for task in tasks]
            features.append(encoded)
            if sum(batch.nbytes for batch in features) >= SHARD_BYTES:
                yield self._keep(photos, features)
                photos, features = [], []
        if photos:
            yield self._keep(photos, features)

    def _keep(self, photos: list[str], features: list[NDArray[np.float16]]) -> str:
        path = write_feature_shard(self._store.scratch, photos, np.concatenate(features))
        self._store.add(path)
        self._done += len(photos)
        rate = self._done / (time.perf_counter() - self._started)
        logger.info("features %d/%d, %.0f photos/s", self._done, self._total, rate)
        return path.name

    def _batches(
        self, tasks: Sequence[EncodingTask]
    ) -> Iterator[tuple[Sequence[EncodingTask], NDArray[np.uint8]]]:
        size = self._encoder.spec.size
        begun: deque[tuple[Sequence[EncodingTask], list[Future[NDArray[np.uint8]]]]] = deque()
        for start in range(0, len(tasks), self._batch_size):
            batch = tasks[start : start + self._batch_size]
            begun.append((batch, [self._readers.submit(read_photo, t, size) for t in batch]))
            if len(begun) > _AHEAD:
                yield _decoded(*begun.popleft())
        while begun:
            yield _decoded(*begun.popleft())


def require_numbers(tasks: Sequence[EncodingTask], fit: NDArray[np.bool_]) -> None:
    """Checks that all photos' features are numbers.

    Args:
        tasks: B photos.
        fit: bool [B], what `cast_to_float16` tells of them.

    Raises:
        DataError: If they are not, with the first photo's name.
    """
    if not fit.all():
        raise DataError(
            "Features must be numbers within float16, up to 65504. The encoder's are not for "
            f"photo {tasks[int(fit.argmin())].image_id}: check encoder_weights"
        )


def _decoded(
    tasks: Sequence[EncodingTask], begun: Sequence[Future[NDArray[np.uint8]]]
) -> tuple[Sequence[EncodingTask], NDArray[np.uint8]]:
    return tasks, np.stack([photo.result() for photo in begun])  # uint8 [B, size, size, 3]
