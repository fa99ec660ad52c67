import io
import struct
import time
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from components.captioning.encoder import image_metadata
from components.captioning.encoder.image_metadata import CostlyImageError, strip_metadata
from components.captioning.encoder.images import load_photo
from components.errors import DataError

PHOTO = Image.radial_gradient("L").resize((64, 48)).convert("RGB")
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6"/></x:xmpmeta>'


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def _chunk(name: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)


JPEG, PNG, GIF, WEBP, BMP = (_encoded(PHOTO, k) for k in ("JPEG", "PNG", "GIF", "WEBP", "BMP"))
GIF_IMAGE = GIF.index(b"\x2c", 13 + 3 * 256)  # behind its palette
VP8X = b"VP8X" + struct.pack("<I", 10) + bytes([4, 0, 0, 0, 63, 0, 0, 47, 0, 0])


def _in_jpeg(extra: bytes) -> bytes:
    return JPEG[:2] + extra + JPEG[2:]


def _in_png(extra: bytes) -> bytes:
    return PNG[:33] + extra + PNG[33:]


def _in_gif(extra: bytes) -> bytes:
    return GIF[:GIF_IMAGE] + extra + GIF[GIF_IMAGE:]


def _in_webp(extra: bytes) -> bytes:
    content = b"WEBP" + VP8X + extra + WEBP[12:]
    return b"RIFF" + struct.pack("<I", len(content)) + content


@pytest.mark.parametrize("content", [JPEG, PNG, GIF, WEBP, BMP], ids=["J", "P", "G", "W", "B"])
@pytest.mark.parametrize("behind", [b"", b"\0 trailing bytes \xff\xda\xff"])
def test_strip_metadata_keeps_every_pixel(content: bytes, behind: bytes) -> None:
    essential = Image.open(io.BytesIO(strip_metadata(content + behind).content))
    assert np.array_equal(essential, Image.open(io.BytesIO(content)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_strip_metadata_takes_orientation_from_exif_alone(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    plain, turned, stale = (
        strip_metadata(_encoded(PHOTO, kind, **options))
        for options in ({}, {"exif": exif}, {"xmp": XMP})
    )
    assert (plain.orientation, turned.orientation, stale.orientation) == (1, 8, 1)
    assert b"Exif" not in turned.content
    assert b"Orientation" not in stale.content
    full = strip_metadata(_encoded(PHOTO, kind, exif=exif, xmp=XMP, icc_profile=bytes(999)))
    assert full.orientation == 8
    assert len(full.content) <= len(plain.content) + 18  # a WebP keeps the chunk of its flags
    image = load_photo(_encoded(PHOTO, "PNG", exif=exif), 32)
    assert np.array_equal(image, load_photo(_encoded(PHOTO.rotate(90, expand=True), "PNG"), 32))


@pytest.mark.parametrize(
    "content",
    [
        _in_png(_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(5 << 20)))),
        _in_png(_chunk(b"iTXt", b"a\0\0\0\0\0" + b"x" * (5 << 20))),
        _in_png(_chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(5 << 20)))),
        _in_png(_chunk(b"tEXt", b"a\0b")[:-4] + bytes(4)),  # whose checksum is wrong
        _in_jpeg(_segment(0xFE, b"c" * 65_000) * 100),
        _in_jpeg(_segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(60_000)) * 9),
        _in_jpeg(b"\xff" * 1_000_000),
        _in_gif(b"\x21\xfe" + (b"\xff" + b"c" * 255) * 4_000 + b"\0"),
        _in_gif(b"\x21\xff\x0bXMP DataXMP" + b"\xff" * 256 * 50 + b"\0"),
        _in_webp(b"XMP " + struct.pack("<I", 1 << 20) + bytes(1 << 20)),
        _in_webp(b"ICCP" + struct.pack("<I", 4) + b"none"),
    ],
)
def test_photos_with_much_or_odd_metadata_are_read(content: bytes) -> None:
    plain = {b"\xff": JPEG, b"\x89": PNG, b"G": GIF, b"R": WEBP}[content[:1]]
    assert np.array_equal(load_photo(content, 32), load_photo(plain, 32))


@pytest.mark.parametrize(
    "make",
    [
        lambda n: _in_gif(b"\x21\xfe\0" * n),
        lambda n: _in_gif(b"\x21\xfe" + b"\1c" * n + b"\0"),
        lambda n: _in_jpeg(_segment(0xE2, b"") * n),
        lambda n: _in_png(_chunk(b"tEXt", b"") * n),
        lambda n: _in_webp((b"ABCD" + bytes(4)) * n),
    ],
)
def test_photos_of_too_many_blocks_are_refused_at_once(make: Callable[[int], bytes]) -> None:
    content = make(2_000_000)
    began = time.process_time()
    with pytest.raises(DataError, match="can't be read as a photo: it has more than 300000 blocks"):
        load_photo(content, 32)
    assert time.process_time() - began < 5


def test_jpeg_of_too_many_scans_is_refused() -> None:
    content = _encoded(PHOTO, "JPEG", progressive=True)
    last = content[content.rindex(b"\xff\xda") : -2]
    assert load_photo(content[:-2] + last * 50 + content[-2:], 32).shape == (32, 32, 3)
    with pytest.raises(DataError, match="more than 100 scans"):
        load_photo(content[:-2] + last * 100 + content[-2:], 32)
    # What a phone hangs behind a photo, such as a film, may look like scans.
    assert load_photo(content + b"\xff\xda\0\2" * 200, 32).shape == (32, 32, 3)


def test_jpeg_of_two_pictures_is_the_first() -> None:
    pictures = _encoded(PHOTO, "MPO", save_all=True, append_images=[Image.new("RGB", (64, 48))])
    assert np.array_equal(load_photo(pictures, 32), load_photo(_encoded(PHOTO, "MPO"), 32))


def test_run_length_encoded_bmp_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    head = struct.pack("<IiiHHIIiiII", 40, 40, 20, 1, 8, 1, 0, 0, 0, 256, 0)
    content = b"BM" + struct.pack("<IHHI", 0, 0, 0, 1078) + head + bytes(1024)
    content += b"\x28\0\0\0" * 20 + b"\0\1"
    assert load_photo(content, 32).max() == 0
    monkeypatch.setattr(image_metadata, "MAX_RLE_PIXELS", 799)
    with pytest.raises(CostlyImageError, match="799 pixels"):
        strip_metadata(content)


@pytest.mark.parametrize("content", [JPEG, PNG, GIF, WEBP, BMP], ids=["J", "P", "G", "W", "B"])
def test_strip_metadata_of_what_is_cut_leaves_it_cut(content: bytes) -> None:
    for length in range(0, len(content), 13):
        assert len(strip_metadata(content[:length]).content) <= length
    with pytest.raises(DataError, match="can't be read as a photo"):
        load_photo(content[: len(content) // 2], 32)


def test_fill_bytes_in_a_jpegs_scan_are_left_out() -> None:
    # For libjpeg, these took quadratic time: 20 seconds for 50 MB.
    fill = b"\xff" * 1_000_000
    assert len(strip_metadata(JPEG[:-2] + fill + JPEG[-2:]).content) <= len(JPEG) + 1
    # Also without any marker after them, and before a stuffed zero.
    assert len(strip_metadata(JPEG[:-2] + fill).content) <= len(JPEG)
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    content = _encoded(Image.fromarray(noise), "JPEG", quality=95)
    stuffed = content.index(b"\xff\0", content.index(b"\xff\xda"))
    filled = content[:stuffed] + fill + content[stuffed:]
    assert np.array_equal(load_photo(filled, 32), load_photo(content, 32))


def test_fill_bytes_before_a_jpegs_first_scan_are_read_once() -> None:
    # A stuffed zero, no marker, follows them.
    fill = b"\xff" * 5_000_000
    began = time.process_time()
    assert strip_metadata(JPEG[:2] + fill + b"\0" + JPEG[2:]).content.startswith(JPEG[:2])
    assert time.process_time() - began < 5
    assert np.array_equal(load_photo(JPEG[:2] + fill + JPEG[2:], 32), load_photo(JPEG, 32))
