"""Captions in little memory: as encoded text, which takes half the space of Python's strings."""

import json
from collections.abc import Iterator, Mapping, MutableMapping, Sequence

# Captions may contain half a surrogate pair, as any JSON may.
_ERRORS = "surrogatepass"


def pack(captions: Sequence[str]) -> bytes:
    """Returns captions as bytes, from which `unpack` restores them."""
    return json.dumps(captions, ensure_ascii=False).encode(errors=_ERRORS)


def unpack(packed: bytes | bytearray) -> list[str]:
    """Returns the captions that `pack` was given."""
    captions: list[str] = json.loads(packed.decode(errors=_ERRORS))
    return captions


class PackedCaptions(MutableMapping[str, Sequence[str]]):
    """Captions by photo, each photo's as one piece of JSON."""

    def __init__(self) -> None:
        # A bytearray grows in place: a photo may have any number of captions, each added alone.
        self._packed: dict[str, bytes | bytearray] = {}

    def __getitem__(self, photo: str) -> list[str]:
        """Returns the captions of a photo."""
        return unpack(self._packed[photo])

    def __setitem__(self, photo: str, captions: Sequence[str]) -> None:
        """Sets the captions of a photo."""
        self._packed[photo] = pack(list(captions))

    def __delitem__(self, photo: str) -> None:
        """Removes a photo."""
        del self._packed[photo]

    def __contains__(self, photo: object) -> bool:
        """Returns whether a photo has captions."""
        return photo in self._packed

    def __iter__(self) -> Iterator[str]:
        """Yields the photos."""
        return iter(self._packed)

    def __len__(self) -> int:
        """Returns the number of photos."""
        return len(self._packed)

    def add(self, photo: str, packed: bytes) -> None:
        """Adds captions of a photo, packed, to those that it has; neither may be empty."""
        if photo not in self._packed:
            self._packed[photo] = packed
            return
        held = self._packed[photo]
        if not isinstance(held, bytearray):
            held = self._packed[photo] = bytearray(held)
        # Two JSON arrays become one.
        held[-1:] = b", " + packed[1:]

    def take(self, photo: str, others: Mapping[str, Sequence[str]]) -> None:
        """Sets the captions of a photo to those that it has in others, without a second copy."""
        if isinstance(others, PackedCaptions):
            self._packed[photo] = bytes(others._packed[photo])
        else:
            self[photo] = others[photo]
