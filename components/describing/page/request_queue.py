"""The page's request queue: uploaded photos wait for the model, and are captioned one at a time."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from components.captioning.inference.batching import DynamicBatcher
from components.describing.http.bodies import MAX_BODIES
from components.describing.model import DecodeOptions
from components.describing.photo_files import PhotoFile

if TYPE_CHECKING:
    from components.captioning.inference.captioner import Captioner


class Upload(NamedTuple):
    """An uploaded photo.

    Attributes:
        name: Its name in messages.
        encoded: Content of its file.
    """

    name: str
    encoded: bytes


#: The result is an object for JSON: that of `captions.caption_photos`, and `saliency`.
RequestQueue: TypeAlias = "DynamicBatcher[Captioner, Upload, DecodeOptions, dict[str, Any]]"


def make_request_queue(
    load_captioner: "Callable[[], Captioner]", options: DecodeOptions
) -> RequestQueue:
    """Returns a queue whose model is being loaded and warmed up in the background.

    Args:
        load_captioner: Loads the captioner.
        options: Decoding options to warm up with.
    """

    def load() -> "Captioner":
        captioner = load_captioner()
        black = captioner.warm_up(beam_width=options.beam_width)
        captioner.saliency(black, captioner.bundle.vocabulary.words[-1])
        return captioner

    # One photo at a time, which bounds the memory of decoded photos.
    return DynamicBatcher(load, _describe, max_batch_size=1, max_waiting=MAX_BODIES)


def _describe(
    captioner: "Captioner", uploads: Sequence[Upload], options: DecodeOptions
) -> list[dict[str, Any]]:
    # These import TensorFlow, which is loaded by now.
    from components.describing.captions import caption_photos, decode_photo, saliency_of

    photos = [decode_photo(PhotoFile(name), encoded, captioner) for name, encoded in uploads]
    return [
        found
        if photo.pixels is None or "error" in found
        else found | {"saliency": saliency_of(captioner, photo.pixels, found["caption"])}
        for photo, found in zip(photos, caption_photos(captioner, photos, options), strict=True)
    ]
