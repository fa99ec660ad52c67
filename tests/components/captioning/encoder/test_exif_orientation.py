import struct

import pytest
from PIL import Image

from components.captioning.encoder.exif_orientation import exif_orientation


def _exif(order: str, *entries: tuple[int, int, bytes]) -> bytes:
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    return start + b"".join(
        struct.pack(f"{order}HHI", tag, kind, 1) + value for tag, kind, value in entries
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_that_pillow_writes(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "a camera", orientation
    assert exif_orientation(exif.tobytes()) == orientation
    assert exif_orientation(exif.tobytes().removeprefix(b"Exif\0\0")) == orientation


@pytest.mark.parametrize(
    "exif",
    [
        _exif(">", (0x0112, 3, b"\0\x06\0\0")),
        _exif("<", (0x0112, 3, b"\x06\0\0\0")),
        _exif("<", (0x0112, 4, b"\x06\0\0\0")),  # as a long
        _exif("<", (0x010F, 2, b"abc\0"), (0x0112, 3, b"\x06\0\0\0")),
    ],
)
def test_exif_orientation_in_either_byte_order(exif: bytes) -> None:
    assert exif_orientation(exif) == 6


@pytest.mark.parametrize(
    "exif",
    [
        b"", b"Exif\0\0", b"II*\0", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff",
        _exif("<", (0x0112, 3, b"\x09\0\0\0")),
        _exif("<", (0x0112, 2, b"6\0\0\0")),
        _exif("<", (0x0112, 3, b"\x06\0\0\0"))[:-5],
    ],
)  # fmt: skip
def test_exif_orientation_that_is_none_is_upright(exif: bytes) -> None:
    assert exif_orientation(exif) == 1
