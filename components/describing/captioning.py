"""Photos to lines of captions, as a Beam transform: one model a process, full batches."""

import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.utils.shared import Shared

from components.captioning.inference.captioner import Captioner
from components.describing.captions import Loaded, caption_photos, load, load_captioner
from components.describing.lines import append_lines
from components.describing.model import DecodeOptions, Model
from components.describing.photo_files import PhotoFile, read_photo

logger = logging.getLogger(__name__)

#: Photos that are encoded at once.
BATCH = 32
# Batches that are decoded beside the one that is computed.
_AHEAD = 1
# How often it is told how far it is, in seconds.
_TOLD_EACH = 5.0


class CaptionPhotos(beam.DoFn):
    """Describes lists of photos; what is said goes to the output file, batch by batch.

    Args:
        model: Its files; a process that has not read them yet does so.
        shared: What the model of this process is had by.
        output: The file that lines are appended to.
        asked: Beam and alternatives.
        by: What each caption's line tells of how it was made.
        total: Photos in all, for the log.
    """

    def __init__(
        self,
        model: Model,
        shared: Shared,
        output: Path,
        asked: DecodeOptions,
        by: Mapping[str, Any],
        total: int,
    ) -> None:
        super().__init__()
        self._model = model
        self._shared = shared
        self._output = output
        self._asked = asked
        self._by = dict(by)
        self._total = total
        self._done = 0

    def setup(self) -> None:
        """Gets the model; Beam calls this once a worker."""
        self._captioner: Captioner = self._shared.acquire(
            lambda: load_captioner(self._model, batch_size=BATCH)
        )
        self._readers = ThreadPoolExecutor()
        self._started = self._told = time.perf_counter()

    def teardown(self) -> None:
        """Ends the threads."""
        self._readers.shutdown(cancel_futures=True)

    def process(self, element: Sequence[PhotoFile]) -> None:
        """Describes a list of photos.

        Args:
            element: Photos to read and describe.

        Raises:
            SettingError: If a bucket can't be used.
            CaptionflowError: If the object store does not answer, or the output can't be written.
        """
        for loaded in self._batches(element):
            said = caption_photos(self._captioner, loaded, self._asked)
            append_lines(
                self._output,
                [line if "error" in line else {**line, "by": self._by} for line in said],
            )
            self._tell(len(said))

    def _tell(self, more: int) -> None:
        self._done += more
        now = time.perf_counter()
        if now - self._told > _TOLD_EACH:
            self._told = now
            rate = self._done / (now - self._started)
            logger.info("captions %d/%d, %.0f photos/s", self._done, self._total, rate)

    def _batches(self, photos: Sequence[PhotoFile]) -> Iterator[list[Loaded]]:
        begun: deque[list[Future[Loaded]]] = deque()
        for start in range(0, len(photos), BATCH):
            batch = photos[start : start + BATCH]
            begun.append(
                [self._readers.submit(load, p, read_photo, self._captioner) for p in batch]
            )
            if len(begun) > _AHEAD:
                yield [each.result() for each in begun.popleft()]
        while begun:
            yield [each.result() for each in begun.popleft()]
