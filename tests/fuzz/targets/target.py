"""What a target is: how its cases are made, and how they are read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from mutations import mutate


@dataclass(frozen=True)
class Target:
    """A kind of input.

    Attributes:
        make: Returns a case, a file's bytes, drawn at random.
        read: Reads the case, which lies as a file in an empty folder.
    """

    make: Callable[[Random], bytes]
    read: Callable[[Path], None]


def of_bytes(seeds: list[bytes], read: Callable[[Path], None]) -> Target:
    return Target(lambda draw: mutate(draw.choice(seeds), seeds, draw), read)
