"""Files that people take for photos: odd ones that are described, and what is none."""

import io
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from PIL import ExifTags, Image

_GREY = Image.linear_gradient("L")


def _encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _animation() -> bytes:
    red, blue = (Image.new("RGB", (32, 24), colour) for colour in ("red", "blue"))
    return _encoded(red, "GIF", save_all=True, append_images=[blue])


_ODD: dict[str, Callable[[], bytes]] = {
    "16-bit": lambda: _encoded(Image.new("I;16", (9, 9), 0x8000)),
    "CMYK": lambda: _encoded(Image.new("CMYK", (32, 32), (0, 255, 255, 0)), "JPEG"),
    "transparent": lambda: _encoded(Image.new("RGBA", (9, 9), (255, 0, 0, 0))),
    "WebP": lambda: _encoded(_GREY, "WEBP"),
}
_UNKNOWN = "the content is not an image of a known format (JPEG, PNG, WEBP, BMP, GIF)"
_NO_PHOTO: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", _UNKNOWN),
    "text": (lambda: b"hello", _UNKNOWN),
    "truncated": (
        lambda: _encoded(_GREY, "JPEG")[:1000],
        "the file is broken or not whole (image file is truncated",
    ),
    "100-megapixel": (
        lambda: _encoded(Image.new("1", (10_000, 10_000))),
        "it must not have more than 64000000 pixels. Received: 10000 x 10000",
    ),
    "animated": (_animation, "it is an animation; a photo has one frame"),
}


class Turned(NamedTuple):
    """A photo that is upright; the same turned, with the EXIF tag that says so, and without."""

    upright: bytes
    tagged: bytes
    untagged: bytes


@pytest.fixture(params=list(_ODD))
def odd_photo(request: pytest.FixtureRequest) -> bytes:
    """A photo of a kind that few are, and that is described like any other."""
    return _ODD[request.param]()


@pytest.fixture(params=list(_NO_PHOTO))
def no_photo(request: pytest.FixtureRequest) -> tuple[bytes, str]:
    """What can't be described, and how the reason begins that is told."""
    make, told = _NO_PHOTO[request.param]
    return make(), told


@pytest.fixture(scope="session")
def turned() -> Turned:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # It is shown turned clockwise.
    photo = _GREY.transpose(Image.Transpose.ROTATE_90)
    return Turned(_encoded(_GREY), _encoded(photo, exif=exif), _encoded(photo))
