"""Changes of sound files, drawn at random: bytes, lines and JSON values."""

import json
import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
# Half of all cases have one change: more of them get past the first check.
_CHANGES_OF_A_CASE = (1, 1, 1, 2, 3, 6)
_LARGEST = 4 << 20

_PIECES = (
    b"\0", b"\xff", b"\n", b"\r\n", b"\t", b",", b";", b"|", b'"', b"'", b"#", b"../", b"\\",
    b"/etc/", b"\xef\xbb\xbf", b"\xff\xfe", "\u202e\u200d\u0301".encode(), b"&amp;#39;", b"NaN",
    "\U0001f468\u200d\U0001f467".encode(), b"1e999", b"-1", b"9" * 400, b"[" * 3000,
    b"\xed\xa0\x80", b"\x85", b"\xa0", "\u0301\u0316".encode() * 500,
)  # fmt: skip


def mutate(content: bytes, others: Sequence[bytes], draw: Random) -> bytes:
    """Returns a file with one to six changes.

    Args:
        content: A sound file.
        others: More of its kind, from which parts are taken.
        draw: Decides the changes.
    """
    changed = bytearray(content)
    for _ in range(draw.choice(_CHANGES_OF_A_CASE)):
        draw.choice(_CHANGES)(changed, others, draw)
        del changed[_LARGEST:]
    return bytes(changed)


def _place(content: bytearray, draw: Random) -> int:
    # Heads decide more than bodies.
    end = len(content) if draw.random() < 0.7 else min(len(content), 64)
    return draw.randrange(end + 1)


def _span(content: bytes | bytearray, draw: Random) -> slice:
    start = draw.randrange(len(content) + 1)
    return slice(start, start + draw.choice((1, 2, 4, 16, 256, 4096)))


def _flip(content: bytearray, _: Sequence[bytes], draw: Random) -> None:
    place = _place(content, draw)
    if place < len(content):
        content[place] ^= 1 << draw.randrange(8)


def _number(content: bytearray, _: Sequence[bytes], draw: Random) -> None:
    form = draw.choice(("<H", ">H", "<I", ">I", "<Q", "B"))
    value = draw.choice(_NUMBERS) & (256 ** struct.calcsize(form) - 1)
    place = _place(content, draw)
    content[place : place + struct.calcsize(form)] = struct.pack(form, value)


def _insert(content: bytearray, _: Sequence[bytes], draw: Random) -> None:
    place = _place(content, draw)
    content[place:place] = draw.choice(_PIECES) * draw.choice((1, 1, 1, 50))


def _remove(content: bytearray, _: Sequence[bytes], draw: Random) -> None:
    del content[_span(content, draw)]


def _truncate(content: bytearray, _: Sequence[bytes], draw: Random) -> None:
    del content[_place(content, draw) :]


def _repeat(content: bytearray, _: Sequence[bytes], draw: Random) -> None:
    span = _span(content, draw)
    content[span.start : span.start] = content[span] * draw.choice((1, 2, 100, 5000))


def _splice(content: bytearray, others: Sequence[bytes], draw: Random) -> None:
    other = draw.choice(others)
    place = _place(content, draw)
    content[place:place] = other[_span(other, draw)]


def _noise(content: bytearray, _: Sequence[bytes], draw: Random) -> None:
    content[_span(content, draw)] = draw.randbytes(draw.choice((1, 8, 64)))


_CHANGES: tuple[Callable[[bytearray, Sequence[bytes], Random], None], ...] = (
    _flip, _flip, _number, _number, _insert, _remove, _truncate, _repeat, _splice, _noise,
)  # fmt: skip


def mutate_json(value: Any, draw: Random) -> bytes:
    """Returns a JSON document of which one to six values are others.

    Args:
        value: A sound one.
        draw: Decides the changes.
    """
    value = json.loads(json.dumps(value))
    for _ in range(draw.choice(_CHANGES_OF_A_CASE)):
        place, key = _any_place(value, draw)
        if place is None:
            value = _odd(draw)
        elif draw.random() < 0.2:
            place.pop(key)
        else:
            place[key] = _odd(draw)
    text = json.dumps(value)
    if draw.random() < 0.1:
        text = text.replace('"odd"', "[" * draw.choice((900, 100_000)))
    return text.encode()


def _any_place(value: Any, draw: Random) -> tuple[Any, Any]:
    place, key = None, None
    while isinstance(value, dict | list) and value and (place is None or draw.random() < 0.8):
        place, key = (
            value,
            draw.choice(list(value) if isinstance(value, dict) else range(len(value))),
        )
        value = place[key]
    return place, key


def _odd(draw: Random) -> Any:
    return draw.choice(
        (
            None, True, False, 0, -1, 1, 10**6, 10**30, -(10**30), 0.5, 1e308, float("nan"),
            float("inf"), "", "odd", "0", "../../x.jpg", "a\0b", "x" * 100_000, "\ud83d", [], {},
            "\U0001f468\u200d", [[]], [None] * 1000, {"odd": 1}, "1e5", "train", "a.jpg",
        )
    )  # fmt: skip
