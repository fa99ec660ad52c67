"""Reading the examples artifact: TFRecord shards with one record per photo.

A directory with `{split}-00000-of-000NN.tfrecord`, whose records `example_records` defines; the
encoder that computed the features, in `encoder.json` and `encoder.weights.h5` or `encoder.onnx`;
and the normalizer of the references, in `normalizer.json`. `train`, `evaluate` and `rescore` read
it, in blocks if a split may not fit into memory.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.artifacts.example_records import FEATURE_TYPE, shard_name
from components.artifacts.example_shards import Row, read_shard
from components.artifacts.files import ENCODER_FILE, read_json
from components.errors import DataError

#: Photos per block. A multiple of the batch size of beam search, so that a split is captioned in
#: the same batches whether it is read in blocks or at once.
PHOTOS_A_BLOCK = 1024
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.tfrecord$")


@dataclass(frozen=True, slots=True)
class Examples:
    """A split's examples, ordered by image id.

    Attributes:
        image_ids: N ids, as in the manifest.
        features: float16 [N, D].
        tokens: Vocabulary ids of each photo's captions, without start and end tokens.
        references: Each photo's normalised captions.
    """

    image_ids: list[str]
    features: NDArray[np.float16]
    tokens: list[tuple[tuple[int, ...], ...]]
    references: list[tuple[str, ...]]

    @property
    def photos(self) -> int:
        """Number of photos."""
        return len(self.image_ids)

    @property
    def captions(self) -> int:
        """Number of captions."""
        return sum(map(len, self.tokens))

    @property
    def width(self) -> int:
        """Features per photo, D."""
        return int(self.features.shape[1])

    def blocks(self) -> Iterator["Examples"]:
        """Yields the split as a single block, like `ExampleShards.blocks`."""
        yield self


class ExampleShards:
    """The shards of a split, of which only a few are in memory at a time.

    Args:
        directory: The examples artifact.
        split: One of `manifest.SPLITS`.

    Attributes:
        paths: The files, in order.
        width: Features per photo, D.

    Raises:
        DataError: If shards are missing, or `encoder.json` is invalid.
    """

    def __init__(self, directory: str | Path, split: str) -> None:
        self.width = _width(Path(directory) / ENCODER_FILE)
        self.paths = _shards(Path(directory), split)
        self._empty = f"Split {split!r} has no examples in {directory}"

    @property
    def size(self) -> int:
        """Size of all files, in bytes."""
        return sum(path.stat().st_size for path in self.paths)

    @property
    def photos(self) -> int:
        """Number of photos; counted on first use, which reads all shards."""
        return self._counts[0]

    @property
    def captions(self) -> int:
        """Number of captions; counted on first use, which reads all shards."""
        return self._counts[1]

    @cached_property
    def _counts(self) -> tuple[int, int]:
        blocks = [(block.photos, block.captions) for block in self.blocks()]
        return sum(photos for photos, _ in blocks), sum(captions for _, captions in blocks)

    def read(self, paths: Iterable[Path]) -> Examples:
        """Reads some of the shards.

        Raises:
            DataError: If one is damaged, none has a record, or a feature's dimension is not that of
                `encoder.json`.
        """
        rows = list(chain.from_iterable(read_shard(path, 2 * self.width) for path in paths))
        if not rows:
            raise DataError(self._empty)
        return _examples(sorted(rows, key=itemgetter(0)), self.width)

    def blocks(self) -> Iterator[Examples]:
        """Yields all examples in blocks of `PHOTOS_A_BLOCK` photos, in the order of the files.

        Raises:
            DataError: As `read`.
        """
        rows = chain.from_iterable(read_shard(path, 2 * self.width) for path in self.paths)
        block = list(islice(rows, PHOTOS_A_BLOCK))
        if not block:
            raise DataError(self._empty)
        while block:
            yield _examples(block, self.width)
            block = list(islice(rows, PHOTOS_A_BLOCK))


def read_examples(directory: str | Path, split: str) -> Examples:
    """Reads all examples of a split.

    Args:
        directory: The examples artifact.
        split: One of `manifest.SPLITS`.

    Returns:
        The examples, ordered by image id.

    Raises:
        DataError: If shards are missing or damaged, or a feature's dimension is not that of
            `encoder.json`.
    """
    shards = ExampleShards(directory, split)
    return shards.read(shards.paths)


def _examples(rows: Sequence[Row], width: int) -> Examples:
    image_ids, features, tokens, references = zip(*rows, strict=True)
    return Examples(
        image_ids=list(image_ids),
        # Bytes of N features -> [N, D].
        features=np.frombuffer(bytearray().join(features), FEATURE_TYPE).reshape(-1, width),
        tokens=list(tokens),
        references=list(references),
    )


def _width(path: Path) -> int:
    try:
        width = read_json(path)["width"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"{path} must have the width of a feature: {error!r}") from error
    if not isinstance(width, int) or width < 1:
        raise DataError(f"width in {path} must be a positive integer. Received: {width!r}")
    return width


def _shards(directory: Path, split: str) -> list[Path]:
    shards = sorted(directory.glob(f"{split}-*.tfrecord"))
    numbers = [_SHARD.search(path.name) for path in shards]
    count = max((int(match[2]) for match in numbers if match), default=0)
    expected = [directory / shard_name(split, index, count) for index in range(count)]
    if not shards or shards != expected:
        wrong = sorted(path.name for path in set(shards) ^ set(expected))
        raise DataError(
            f"{directory} must have all shards of split {split!r}, and no others. "
            f"Missing or unexpected: {', '.join(wrong) or 'all'}"
        )
    return shards
