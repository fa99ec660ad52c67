"""Photos are described one after the other, in a thread of their own."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from components.describing.model import DecodeOptions
from components.describing.photo_files import PhotoFile
from components.errors import CaptionflowError

if TYPE_CHECKING:
    from components.captioning.inference.captioner import Captioner

#: Photos that may wait, or be on their way here: each takes as much memory as a file may have.
MAX_WAITING = 8

_ENDED = "The service was ended before the photo could be described"


class RequestQueue:
    """A captioner that many may ask, and that sees one photo at a time.

    It is made in the background, at once; who asks earlier waits for it. One photo at a time also
    bounds the memory that decoded photos take.

    Args:
        make: Reads the model; it may take its time.
        asked: Beam and alternatives.

    Attributes:
        made: Done when the first photo can be described; it has what `make` raised.
    """

    def __init__(self, make: "Callable[[], Captioner]", asked: DecodeOptions) -> None:
        self._make = make
        self._asked = asked
        self._waiting = 0
        self._answers: set[asyncio.Future[dict[str, Any]]] = set()
        self._closed = False
        self._thread = ThreadPoolExecutor(1, "describing")
        self.made: Future[Captioner] = self._thread.submit(self._prepare)

    @property
    def ready(self) -> bool:
        """Whether a photo would be described now, or after those that wait."""
        return self.made.done() and self.made.exception() is None

    @contextmanager
    def place(self) -> Iterator[None]:
        """Keeps a place, from before a photo is read until it is described.

        To be entered by the event loop alone.

        Raises:
            CaptionflowError: If `MAX_WAITING` places are taken.
        """
        if self._waiting >= MAX_WAITING:
            raise CaptionflowError(
                f"At most {MAX_WAITING} photos can wait to be described: try again in a moment"
            )
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def caption(self, name: str, encoded: bytes) -> dict[str, Any]:
        """Captions a photo, see `captions.caption_photos`, and adds its `saliency`.

        Args:
            name: What errors call it.
            encoded: The file's bytes.

        Raises:
            CaptionflowError: If it was closed.
            Whatever `make` raised.
        """
        if self._closed:
            raise CaptionflowError(_ENDED)
        answer = asyncio.wrap_future(self._thread.submit(self._say, name, encoded))
        self._answers.add(answer)
        try:
            return await answer
        except asyncio.CancelledError:
            if not self._closed:
                raise
            raise CaptionflowError(_ENDED) from None
        finally:
            self._answers.discard(answer)

    def close(self) -> None:
        """Tells all that wait that it has ended; what is computed now ends in the background.

        To be called by the event loop alone.
        """
        self._closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)
        for answer in self._answers:
            answer.cancel()

    def _prepare(self) -> "Captioner":
        captioner = self._make()
        # TensorFlow compiles what it computes at the first photo; no one should wait for that.
        size = captioner.encoder.spec.size
        black = np.zeros((size, size, 3), np.uint8)
        captioner.alternatives_or_errors([black], beam_width=self._asked.beam_width)
        captioner.saliency(black, captioner.bundle.vocabulary.words[-1])
        return captioner

    def _say(self, name: str, encoded: bytes) -> dict[str, Any]:
        # By now TensorFlow is there, which these import.
        from components.describing.captions import caption_photos, load, saliency_of

        captioner = self.made.result()
        loaded = load(PhotoFile(name), lambda _: encoded, captioner)
        (said,) = caption_photos(captioner, [loaded], self._asked)
        if loaded.pixels is None or "error" in said:
            return said
        return said | {"saliency": saliency_of(captioner, loaded.pixels, said["caption"])}
