"""Decodes the names of archive members, and checks that their paths are safe.

Zip files created by the macOS Finder have names in UTF-8 without declaring it; those created by
Windows use the code page of its language; names in tar files are bytes in any encoding. The only
evidence of the encoding is the captions in the archive, which name the same photos.
"""

import re
import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from tarfile import TarInfo
from zipfile import ZipInfo

from components.errors import DataError
from components.ingest.files.composing import compose

# UTF-8 comes first, because text in another encoding is hardly ever valid UTF-8, while the others
# decode nearly anything. They are the Windows code pages of Western Europe, China, Japan, Korea,
# Taiwan, Russia and Central Europe, and last the zip format's own, which can decode any bytes.
_ENCODINGS = (
    "utf-8", "cp850", "cp1252", "gb18030", "cp932", "cp949", "big5hkscs", "cp866", "cp1251",
    "cp852", "cp1250", "cp437",
)  # fmt: skip
_FALLBACK = "cp437"
# Number of names that suffice to detect the encoding; more would only take longer.
_SAMPLE = 50

_UTF8_FLAG = 0x800
_UNICODE_PATH = 0x7075
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def zip_name(info: ZipInfo) -> str | bytes:
    """Returns a member's name, as bytes if the zip does not declare their encoding."""
    name = info.orig_filename.partition("\0")[0]
    if info.flag_bits & _UTF8_FLAG or name.isascii():
        return name
    raw = name.encode(_FALLBACK)  # undoes zipfile's decoding
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        # Info-ZIP's Unicode Path: version, checksum of the name it replaces, name in UTF-8.
        if kind == _UNICODE_PATH and field[1:5] == struct.pack("<I", zlib.crc32(raw)):
            return field[5:].decode(errors="replace")
    return raw


def tar_name(info: TarInfo) -> str | bytes:
    """Returns a member's name, like `zip_name`; tarfile decoded it with `surrogateescape`."""
    if "path" in info.pax_headers or info.name.isascii():
        return info.name.encode(errors="surrogateescape").decode(errors="replace")
    return info.name.encode(errors="surrogateescape")


def choose_encoding(names: Sequence[bytes], texts: Iterable[bytes]) -> str:
    """Detects the encoding of names.

    Args:
        names: At least one name, each with bytes beyond ASCII.
        texts: Contents of the archive's text files; the captions among them name photos.

    Returns:
        The encoding in which most names occur in the texts. If no name occurs in any encoding,
        UTF-8 if all names are valid UTF-8, else the zip format's own.
    """
    sample = names[:: max(1, len(names) // _SAMPLE)][:_SAMPLE]
    named = dict.fromkeys(_ENCODINGS, 0)
    for content in texts:
        text = _decode_text(content)
        for encoding in _ENCODINGS:
            named[encoding] += sum(_is_named(name, encoding, text) for name in sample)
    best = max(_ENCODINGS, key=lambda encoding: named[encoding])
    if named[best]:
        return best
    return "utf-8" if all(_strictly(name, "utf-8") is not None for name in names) else _FALLBACK


def decode_name(name: bytes, encoding: str) -> str:
    """Decodes a name; if the encoding fails, as UTF-8 or in the zip format's own encoding."""
    decoded = (_strictly(name, each) for each in (encoding, "utf-8", _FALLBACK))
    return next(text for text in decoded if text is not None)


def inner_path(name: str) -> Path | None:
    r"""Returns a member's name as a relative path; None if it can't be the name of a file.

    Args:
        name: The name, with "/" or "\\" as separators.

    Raises:
        DataError: If the path leads outside the archive's folder.
    """
    parts = re.split(r"[/\\]", name)
    if (not parts[0] and len(parts) > 1) or _DRIVE.match(name) or ".." in parts:
        raise DataError(
            "An archive's paths must stay inside its own folder. "
            f"Received: {name!r}. Do not trust this archive"
        )
    kept = [part for part in parts if part not in ("", ".")]
    return Path(*kept) if kept and "\0" not in name else None


def _is_named(name: bytes, encoding: str, text: str) -> bool:
    decoded = _strictly(name, encoding)
    if decoded is None:
        return False
    # Captions may leave out folders and endings.
    parts = [PurePosixPath(part).stem for part in re.split(r"[/\\]", decoded)]
    distinct = [part for part in parts if not part.isascii()]
    return all(compose(part) in text for part in distinct)


def _strictly(name: bytes, encoding: str) -> str | None:
    try:
        return name.decode(encoding)
    except UnicodeDecodeError:
        return None


def _decode_text(content: bytes) -> str:
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    text = content.decode(encoding, errors="ignore")
    # JSON may escape characters beyond ASCII.
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)
    return compose(text)
