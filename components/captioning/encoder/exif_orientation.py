"""The one EXIF tag that changes how a photo is shown.

Pillow reads all tags, each with as many bytes as it claims: of 64 kB of EXIF that can make 300 MB.
And where EXIF has no orientation, Pillow takes XMP's, which editors leave behind after they turned
the pixels.
"""

import struct

_ORIENTATION = 0x0112
#: TIFF's types that the orientation is found in: short, as the standard says, and long.
_NUMBERS = {3: "H", 4: "I"}


def exif_orientation(exif: bytes) -> int:
    """Returns how a photo is to be turned, 1 (not at all) to 8; 1 if EXIF does not say.

    Args:
        exif: With or without `Exif` and two zeros in front; whatever it holds is no error.
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
    # An entry is a tag, its type, how many values, and the first four bytes of them.
    for tag, kind, _, value in struct.iter_unpack(f"{order}HHI4s", whole):
        if tag == _ORIENTATION and kind in _NUMBERS:
            (orientation,) = struct.unpack_from(f"{order}{_NUMBERS[kind]}", value)
            return int(orientation) if 1 <= orientation <= 8 else 1
    return 1
