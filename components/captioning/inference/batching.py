"""Photos of many callers, described together: full batches, one at a time."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.captioning.inference.bundle import Caption
from components.captioning.inference.captioner import Captioner
from components.errors import DataError

# Photos that are taken at once; whatever is waiting, memory stays the same.
_AT_ONCE = 32


class _Waiting(NamedTuple):
    pixels: NDArray[np.uint8]
    beam_width: int
    told: "Future[list[Caption] | DataError]"


class DynamicBatcher:
    """A captioner that many threads may ask.

    A few photos cost as much as one, so what has come meanwhile is taken together; and only one
    thread computes, so that many callers need no more memory than one, and no more processors.

    Args:
        captioner: Who describes.
    """

    def __init__(self, captioner: Captioner) -> None:
        self._captioner = captioner
        self._waiting: SimpleQueue[_Waiting] = SimpleQueue()
        self._thread = ThreadPoolExecutor(1, "describing")

    def alternatives_or_errors(
        self, pixels: Sequence[NDArray[np.uint8]], *, beam_width: int
    ) -> list[list[Caption] | DataError]:
        """Returns what `Captioner.alternatives_or_errors` does, once it is these photos' turn.

        Args:
            pixels: Of each photo what `Captioner.load` returned.
            beam_width: Captions searched at once.
        """
        asked = [_Waiting(photo, beam_width, Future()) for photo in pixels]
        for each in asked:
            self._waiting.put(each)
            self._thread.submit(self._work)
        return [each.told.result() for each in asked]

    def _work(self) -> None:
        # As many calls as photos: those whose photo went with earlier ones find nothing left.
        taken: list[_Waiting] = []
        try:
            while len(taken) < _AT_ONCE:
                taken.append(self._waiting.get_nowait())
        except Empty:
            pass
        for width in sorted({each.beam_width for each in taken}):
            self._describe([each for each in taken if each.beam_width == width], width)

    def _describe(self, those: Sequence[_Waiting], beam_width: int) -> None:
        try:
            found = self._captioner.alternatives_or_errors(
                [each.pixels for each in those], beam_width=beam_width
            )
        except BaseException as error:  # each caller gets it, in its own thread
            for each in those:
                each.told.set_exception(error)
            return
        for each, said in zip(those, found, strict=True):
            each.told.set_result(said)
