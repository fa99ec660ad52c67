"""The photos that a model was trained on: in its bundle, to detect contamination of a test set.

`features` writes them from the photos that it encodes, and `train` adds those of the model that the
training continued from. A champion trained on a photo that is a test photo today must not be
compared on it, and a model that continues from another must not be tested on what that one learnt.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from components.artifacts.arrays import read_array
from components.errors import DataError

#: In the examples and in a bundle: uint8 [N, 33], a row per photo in ascending order, of the 32
#: bytes of its SHA-256 and a 1 if it was only in dev. A million photos take 33 MB.
TRAINING_PHOTOS_FILE = "training_photos.npy"

# Bytes of a SHA-256.
_SIZE = 32
# Largest number of photos that is read: as strings in a set, each takes 160 bytes, so these take
# 3.2 GB, five times their file. Conceptual 12M, a large public data set, has 12 million.
_MOST_PHOTOS = 20_000_000
# In bytes; far more than the header that NumPy writes.
_LONGEST_HEADER = 10_000


class _Photo(Protocol):
    @property
    def sha256(self) -> str: ...

    @property
    def split(self) -> str: ...


class TrainingPhotos(NamedTuple):
    """The photos of a training, each as the SHA-256 of its bytes, 64 hex digits.

    Attributes:
        all: Photos of train and dev; dev counts because it decides when the training stops.
        dev: Photos that were only in dev.
    """

    all: frozenset[str]
    dev: frozenset[str]

    @classmethod
    def of(cls, photos: Iterable[_Photo]) -> "TrainingPhotos":
        """Returns the training photos among photos of all splits."""
        by_split: dict[str, set[str]] = {"train": set(), "dev": set(), "test": set()}
        for photo in photos:
            by_split[photo.split].add(photo.sha256)
        train, dev = by_split["train"], by_split["dev"]
        return cls(frozenset(train | dev), frozenset(dev - train))

    def with_parent(self, parent: "TrainingPhotos") -> "TrainingPhotos":
        """Returns these photos and those of the model that the training continued from."""
        train = (self.all - self.dev) | (parent.all - parent.dev)
        return TrainingPhotos(self.all | parent.all, (self.dev | parent.dev) - train)

    def save(self, directory: Path) -> None:
        """Writes `TRAINING_PHOTOS_FILE`; equal photos give equal bytes."""
        ordered = sorted(self.all)
        rows = np.empty((len(ordered), _SIZE + 1), np.uint8)
        rows[:, :_SIZE] = np.frombuffer(bytes.fromhex("".join(ordered)), np.uint8).reshape(
            -1,
            _SIZE,  # Bytes of N digests -> [N, 32].
        )
        rows[:, _SIZE] = [sha256 in self.dev for sha256 in ordered]
        np.save(directory / TRAINING_PHOTOS_FILE, rows, allow_pickle=False)

    @classmethod
    def load(cls, directory: str | Path) -> "TrainingPhotos":
        """Reads what `save` wrote, or what somebody says that it wrote.

        Raises:
            OSError: If the file is missing.
            ValueError: If it is invalid, or lists more than 20 million photos.
        """
        file = Path(directory) / TRAINING_PHOTOS_FILE
        size = file.stat().st_size
        if size > _MOST_PHOTOS * (_SIZE + 1) + _LONGEST_HEADER:
            raise ValueError(
                f"{TRAINING_PHOTOS_FILE} must list at most {_MOST_PHOTOS:,} photos, with "
                f"{_SIZE + 1} bytes each. Received: {size:,} bytes"
            )
        rows = read_array(file)
        if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != _SIZE + 1:
            raise ValueError(
                f"{TRAINING_PHOTOS_FILE} must hold {_SIZE + 1} bytes per photo. Received: "
                f"{rows.dtype} of shape {rows.shape}"
            )
        only_dev = rows[:, _SIZE]
        if (only_dev > 1).any():
            raise ValueError(
                f"The last byte of each row in {TRAINING_PHOTOS_FILE} must be 0 or 1. Received: "
                f"{only_dev.max()}"
            )
        digests = np.ascontiguousarray(rows[:, :_SIZE])  # [N, 32]
        _require_ascending(digests)
        text = digests.tobytes().hex()
        width = 2 * _SIZE
        photos = [text[start : start + width] for start in range(0, len(text), width)]
        return cls(
            frozenset(photos), frozenset(photos[index] for index in np.flatnonzero(only_dev))
        )


def read_training_photos(examples: str | Path) -> TrainingPhotos:
    """Reads the training photos of an examples artifact.

    Raises:
        DataError: If their file is missing or invalid.
    """
    try:
        return TrainingPhotos.load(examples)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{examples} must have {TRAINING_PHOTOS_FILE}. Run features again. Received: {error}"
        ) from error


def _require_ascending(digests: NDArray[np.uint8]) -> None:
    """Checks that digests, uint8 [N, 32], are in ascending order, and so each is listed once."""
    # Four big-endian numbers compare as their 32 bytes do. (NumPy's strings of bytes would not:
    # they end before trailing zeros.)
    numbers = digests.view(">u8").astype(np.uint64)  # [N, 32] -> [N, 4]
    before, after = numbers[:-1], numbers[1:]
    # The first number that differs decides; 0 if none does. [N - 1, 1]
    first = (before != after).argmax(axis=1)[:, np.newaxis]
    ascending = np.take_along_axis(before, first, 1) < np.take_along_axis(after, first, 1)
    wrong = np.flatnonzero(~ascending)
    if wrong.size:
        row = wrong[0]
        raise ValueError(
            f"{TRAINING_PHOTOS_FILE} must list each photo once, in ascending order. Received: "
            f"{digests[row].tobytes().hex()} before {digests[row + 1].tobytes().hex()}"
        )
