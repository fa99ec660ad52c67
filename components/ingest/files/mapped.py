"""A mapping whose values are computed when they are asked for, so that they take no memory."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Mapped(Mapping[Key, Value]):
    """Applies a function to the values of a mapping.

    Args:
        mapping: The mapping.
        function: The function.
    """

    def __init__(self, mapping: Mapping[Key, Any], function: Callable[[Any], Value]) -> None:
        self._mapping = mapping
        self._function = function

    def __getitem__(self, key: Key) -> Value:
        """The value of a key."""
        return self._function(self._mapping[key])

    def __contains__(self, key: object) -> bool:
        """Whether a key is present."""
        return key in self._mapping

    def __iter__(self) -> Iterator[Key]:
        """The keys, in the order of the mapping."""
        return iter(self._mapping)

    def __len__(self) -> int:
        """Number of keys."""
        return len(self._mapping)
