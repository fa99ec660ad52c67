"""Strips image files of their metadata: keeps what a decoder needs, and the EXIF orientation.

Metadata can make a small file very costly to read: comments that Pillow joins in quadratic time,
millions of empty blocks, compressed text that expands to gigabytes. None of it is needed to show a
photo, so it is removed before any decoder reads the file. The number of blocks and scans is limited
to what real photos have, and each remaining byte is read once. Data that can't be parsed are kept,
and the decoder decides whether they are valid.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from components.captioning.encoder.exif_orientation import exif_orientation

#: Maximum number of segments, chunks and sub-blocks in a file. A GIF of 64 MiB has 263,000.
MAX_BLOCKS = 300_000
#: Maximum number of scans of a progressive JPEG; encoders write about ten.
MAX_SCANS = 100
#: Maximum pixels, and bytes, of a run-length encoded BMP, which Pillow decodes in Python.
MAX_RLE_PIXELS = 2_000_000


class CostlyImageError(Exception):
    """An image file would take too much time or memory to read; says why."""


@dataclass(frozen=True, slots=True)
class EssentialImage:
    """An image file without metadata.

    Attributes:
        content: The file without its metadata; unchanged if its format is unknown.
        orientation: The EXIF orientation, 1 (upright) to 8; XMP is ignored.
    """

    content: bytes
    orientation: int = 1


def strip_metadata(content: bytes) -> EssentialImage:
    """Removes an image file's metadata, in time linear in the file's size.

    Args:
        content: Content of a JPEG, PNG, GIF, WebP or BMP file; other files are returned unchanged.

    Raises:
        CostlyImageError: If it has more blocks or scans than any photo, or is a run-length encoded
            BMP that is too large.
    """
    for start, strip in _FORMATS:
        if start.match(content):
            return strip(content)
    return EssentialImage(content)


class _Blocks:
    """Counts the blocks of a file."""

    def __init__(self) -> None:
        self._count = 0

    def add(self) -> None:
        self._count += 1
        if self._count > MAX_BLOCKS:
            raise CostlyImageError(
                f"it has more than {MAX_BLOCKS} blocks, far more than photos have"
            )


# JPEG: markers of two bytes, most of them with a length (ITU-T T.81, annex B).
_SOI, _EOI, _SOS, _APP0, _APP1, _APP14, _COM = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xEE, 0xFE
_BARE = frozenset({0x01, _SOI, _EOI, *range(0xD0, 0xD8)})
# APP0 and APP14 tell decoders how colours are coded.
_JPEG_METADATA = frozenset({*range(_APP0 + 1, 0xF0), _COM}) - {_APP14}
# Fill bytes may precede a marker. A pattern with `\xff+` would rescan them from each fill byte.
_MARKER = re.compile(rb"\xff([\x01-\xfe])")
_MARKER_IN_SCAN = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
# Fill bytes before a marker or a stuffed zero. They have no meaning, but whenever libjpeg needs
# more bytes than Pillow has given it, it rereads them from the first one: quadratic time.
_FILL = re.compile(rb"\xff{2,}")


def _strip_jpeg(content: bytes) -> EssentialImage:
    kept = [content[:2]]
    blocks = _Blocks()
    orientation, position, scans = 1, 2, 0
    while found := (_MARKER_IN_SCAN if scans else _MARKER).search(content, position):
        blocks.add()
        marker, start, end = found[1][0], found.start(1) - 1, found.end()
        if scans:  # the skipped bytes are pixels
            kept.append(_FILL.sub(b"\xff", content[position:start]))
        position = start
        if marker not in _BARE:
            length = int.from_bytes(content[end : end + 2], "big")
            if length < 2 or end + length > len(content):
                break
            end += length
        segment, position = content[start:end], end
        if marker == _EOI:
            # What follows is not part of the photo: previews, videos, a second file.
            return EssentialImage(b"".join([*kept, segment]), orientation)
        if marker == _SOS:
            scans += 1
            if scans > MAX_SCANS:
                raise CostlyImageError(f"a JPEG must not have more than {MAX_SCANS} scans")
        if marker == _APP1 and segment[4:9] == b"Exif\0" and orientation == 1:
            orientation = exif_orientation(segment[4:])
        if marker not in _JPEG_METADATA:
            kept.append(segment)
    rest = content[position:]
    kept.append(_FILL.sub(b"\xff", rest) if scans else rest)
    return EssentialImage(b"".join(kept), orientation)


# PNG: chunks of length, name, data and checksum.
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"acTL", b"fcTL", b"IDAT", b"fdAT", b"IEND"})


def _strip_png(content: bytes) -> EssentialImage:
    kept = [content[:8]]
    blocks = _Blocks()
    orientation, position = 1, 8
    while position < len(content):
        blocks.add()
        length, name = (
            int.from_bytes(content[position : position + 4], "big"),
            content[position + 4 : position + 8],
        )
        end = position + 12 + length
        if end > len(content):
            kept.append(content[position:])
            break
        if name in _PNG_KEPT:
            kept.append(content[position:end])
        elif name == b"eXIf":
            orientation = exif_orientation(content[position + 8 : end - 4])
        position = end
        if name == b"IEND":
            break
    return EssentialImage(b"".join(kept), orientation)


# GIF: an image or an extension is a header and sub-blocks, each with its length in one byte.
_IMAGE, _EXTENSION, _CONTROL = 0x2C, 0x21, 0xF9
_GIF_END = b";"


def _strip_gif(content: bytes) -> EssentialImage:
    blocks = _Blocks()
    position = 13 + _colour_table(content, 10)
    kept = [content[:position]]
    images = 0
    while position + 1 < len(content) and content[position] in (_IMAGE, _EXTENSION):
        start, is_image = position, content[position] == _IMAGE
        # A second image makes the file an animation; the first two are enough to detect that.
        images += is_image
        position += 11 + _colour_table(content, position + 9) if is_image else 2
        while position < len(content) and (size := content[position]):
            blocks.add()
            position += 1 + size
        blocks.add()
        position += 1
        if is_image or content[start + 1] == _CONTROL:
            kept.append(content[start:position])
        if images == 2:
            break
    # A truncated file stays truncated.
    kept.append(_GIF_END if position < len(content) else b"")
    return EssentialImage(b"".join(kept))


def _colour_table(content: bytes, flags: int) -> int:
    """Returns the size in bytes of the colour table that the flags at an offset announce."""
    value = content[flags] if flags < len(content) else 0
    return 3 << ((value & 7) + 1) if value & 0x80 else 0


# WebP: RIFF chunks of name, length and data, padded to even lengths.
_WEBP_METADATA = frozenset({b"ICCP", b"EXIF", b"XMP "})
_WEBP_KEPT = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"})
_WEBP_METADATA_FLAGS = 0x20 | 0x08 | 0x04


def _strip_webp(content: bytes) -> EssentialImage:
    announced = int.from_bytes(content[4:8], "little")
    stop = min(len(content), announced + 8)
    blocks = _Blocks()
    kept: list[bytes] = []
    orientation, position, dropped = 1, 12, 0
    while position + 8 <= stop:
        blocks.add()
        name, size = struct.unpack_from("<4sI", content, position)
        end = position + 8 + size + size % 2
        chunk = content[position : min(end, stop)]
        if name == b"EXIF":
            orientation = exif_orientation(chunk[8:])
        if name == b"VP8X" and len(chunk) > 8:
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_METADATA_FLAGS]) + chunk[9:]
        if name in _WEBP_KEPT or end > stop:
            kept.append(chunk)
        else:
            dropped += len(chunk)
        position = end
    # If the file is truncated, the new size still exceeds its content, so that decoders notice.
    size = max(announced - dropped, 0).to_bytes(4, "little")
    return EssentialImage(b"".join([content[:4], size, content[8:12], *kept]), orientation)


def _check_bmp(content: bytes) -> EssentialImage:
    if len(content) >= 34:
        head, width, height = struct.unpack_from("<Iii", content, 14)
        (compression,) = struct.unpack_from("<I", content, 30)
        most = max(abs(width * height), len(content))
        if head >= 40 and compression in (1, 2) and most > MAX_RLE_PIXELS:
            raise CostlyImageError(
                f"a run-length encoded BMP must not have more than {MAX_RLE_PIXELS} pixels or bytes"
            )
    return EssentialImage(content)


_FORMATS: tuple[tuple[re.Pattern[bytes], Callable[[bytes], EssentialImage]], ...] = (
    (re.compile(rb"\xff\xd8\xff"), _strip_jpeg),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), _strip_png),
    (re.compile(rb"GIF8[79]a"), _strip_gif),
    (re.compile(rb"(?s)RIFF....WEBP"), _strip_webp),
    (re.compile(rb"BM"), _check_bmp),
)
