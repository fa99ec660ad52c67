"""Reads the orientation of a photo from its EXIF data.

Pillow is not used, because it reads all tags, each with as many bytes as it claims to have: 64 kB
of EXIF can become 300 MB. If EXIF has no orientation, Pillow also falls back on XMP's, which
editors leave unchanged after they have rotated the pixels.
"""

import struct

_ORIENTATION = 0x0112
#: TIFF types in which files store the orientation: short, as the standard requires, and long.
_NUMBERS = {3: "H", 4: "I"}


def exif_orientation(exif: bytes) -> int:
    """Returns the EXIF orientation, 1 (upright) to 8; 1 if there is none.

    Args:
        exif: EXIF data, with or without the prefix `Exif` and two zero bytes. Malformed data are
            treated like data without an orientation.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return 1
    (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
    if directory + 2 > len(tiff):
        return 1
    (count,) = struct.unpack_from(f"{order}H", tiff, directory)
    entries = tiff[directory + 2 : directory + 2 + 12 * count]
    whole = entries[: len(entries) // 12 * 12]
    # An entry has a tag, a type, the number of values, and the first four bytes of the values.
    for tag, kind, _, value in struct.iter_unpack(f"{order}HHI4s", whole):
        if tag == _ORIENTATION and kind in _NUMBERS:
            (orientation,) = struct.unpack_from(f"{order}{_NUMBERS[kind]}", value)
            return int(orientation) if 1 <= orientation <= 8 else 1
    return 1
