"""The captions artifact: token ids and reference strings by photo.

A directory with `captions.parquet`; `vocabulary.txt` (see `captioning.model.vocabulary`);
`report.json`; the TFT graph in `transform/`; and the graph's normalisation rules in
`normalizer.json` (see `captioning.model.normalizer`). Written by `normalize`; read by `features`,
`embeddings` and `train`.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

CAPTIONS_FILE = "captions.parquet"
VOCABULARY_FILE = "vocabulary.txt"
TRANSFORM_DIRECTORY = "transform"

# Photos that are dictionaries at once, while the file is read or written.
_BATCH = 1 << 12

_SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("split", pa.string()),
        ("references", pa.list_(pa.string())),
        ("tokens", pa.list_(pa.list_(pa.int32()))),
    ]
)


@dataclass(frozen=True, slots=True)
class CaptionedPhoto:
    """A photo's captions, normalised.

    Attributes:
        image_id: As in the manifest.
        split: As in the manifest.
        references: Normalised captions: lower-case words with one space between them.
        tokens: Vocabulary ids, one tuple per reference, without start and end tokens; words outside
            the vocabulary are `<unk>` here and unchanged in `references`.
    """

    image_id: str
    split: str
    references: tuple[str, ...]
    tokens: tuple[tuple[int, ...], ...]


def write_captions(directory: Path, photos: Iterable[CaptionedPhoto]) -> None:
    """Writes `captions.parquet` into a directory, ordered by image id."""
    each = iter(sorted(photos, key=lambda photo: photo.image_id))
    tables = [_SCHEMA.empty_table()]
    while batch := list(islice(each, _BATCH)):
        rows = [{name: getattr(photo, name) for name in _SCHEMA.names} for photo in batch]
        tables.append(pa.Table.from_pylist(rows, _SCHEMA))
    pq.write_table(pa.concat_tables(tables).combine_chunks(), directory / CAPTIONS_FILE)


def read_captions(directory: str | Path) -> list[CaptionedPhoto]:
    """Returns the captioned photos of a captions artifact, ordered by image id."""
    # Not read_table, which imports pandas.
    file = pq.ParquetFile(Path(directory) / CAPTIONS_FILE)
    return [
        CaptionedPhoto(
            image_id=row["image_id"],
            split=sys.intern(row["split"]),
            references=tuple(row["references"]),
            tokens=tuple(tuple(ids) for ids in row["tokens"]),
        )
        for batch in file.iter_batches(_BATCH)
        for row in batch.to_pylist()
    ]
