"""Dynamic batching: photos of concurrent callers are described in shared batches."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.captioning.inference.bundle import Caption
from components.captioning.inference.captioner import Captioner
from components.errors import DataError

# Bounds memory, however many photos are waiting.
_MAX_BATCH_SIZE = 32


class _Request(NamedTuple):
    pixels: NDArray[np.uint8]
    beam_width: int
    result: "Future[list[Caption] | DataError]"


class DynamicBatcher:
    """A captioner for concurrent use by many threads.

    A small batch takes about as long as a single photo, so photos that arrive while a batch is
    being computed form the next one. A single worker thread computes, so many callers need no more
    memory or CPU than one.

    Args:
        captioner: Describes the photos.
    """

    def __init__(self, captioner: Captioner) -> None:
        self._captioner = captioner
        self._queue: SimpleQueue[_Request] = SimpleQueue()
        self._worker = ThreadPoolExecutor(1, "captioner")

    def alternatives_or_errors(
        self, pixels: Sequence[NDArray[np.uint8]], *, beam_width: int
    ) -> list[list[Caption] | DataError]:
        """Returns the result of `Captioner.alternatives_or_errors`; blocks until it is ready.

        Args:
            pixels: For each photo the result of `Captioner.load`.
            beam_width: Hypotheses kept per photo.
        """
        requests = [_Request(photo, beam_width, Future()) for photo in pixels]
        for request in requests:
            self._queue.put(request)
            self._worker.submit(self._run_batch)
        return [request.result.result() for request in requests]

    def _run_batch(self) -> None:
        # Submitted once per photo: if an earlier batch took the photo, the queue may be empty.
        batch: list[_Request] = []
        try:
            while len(batch) < _MAX_BATCH_SIZE:
                batch.append(self._queue.get_nowait())
        except Empty:
            pass
        for beam_width in sorted({request.beam_width for request in batch}):
            self._describe(
                [request for request in batch if request.beam_width == beam_width], beam_width
            )

    def _describe(self, requests: Sequence[_Request], beam_width: int) -> None:
        try:
            results = self._captioner.alternatives_or_errors(
                [request.pixels for request in requests], beam_width=beam_width
            )
        except BaseException as error:  # raised again in each caller's own thread
            for request in requests:
                request.result.set_exception(error)
            return
        for request, result in zip(requests, results, strict=True):
            request.result.set_result(result)
