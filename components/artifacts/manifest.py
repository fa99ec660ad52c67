"""The manifest artifact: `manifest.parquet` with one row per photo, and `report.json`.

Written by `ingest`, read by most steps. `photos_root.json` records once where the photos are, so
that the table of a data set is the same, byte for byte, wherever the data set was read from.
"""

import posixpath
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from components.artifacts.files import read_json, write_json

SPLITS = ("train", "dev", "test")
MANIFEST_FILE = "manifest.parquet"
REPORT_FILE = "report.json"
#: Folder of photos that the artifact contains (from an archive or a bucket, or generated).
PHOTOS_DIRECTORY = "photos"
#: `{"root": "/data/flickr8k"}`: where the `uri` column begins. Absent: at the manifest's directory.
ROOT_FILE = "photos_root.json"

# Photos in a row group, and photos that are Python objects at once.
_ROW_GROUP = 1 << 16
_BATCH = 1 << 12

_SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("uri", pa.string()),
        ("sha256", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("split", pa.string()),
        ("captions", pa.list_(pa.string())),
    ]
)


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo that passed its checks, with its raw captions.

    Attributes:
        image_id: Unique id within the data set: the photo's path in its captions (`1.jpg`,
            `cats/1.jpg`), with slashes and in Unicode NFC; if that is ambiguous, its path below the
            data set's root.
        uri: Where the file is: an absolute path or a URI such as `gs://bucket/1.jpg`. In
            `manifest.parquet` it is usually relative; see `resolve_uri`.
        sha256: SHA-256 of the file's bytes, 64 hex digits.
        width: Width in pixels after EXIF rotation.
        height: Height in pixels after EXIF rotation.
        split: One of `SPLITS`.
        captions: Raw captions, at least one.
    """

    image_id: str
    uri: str
    sha256: str
    width: int
    height: int
    split: str
    captions: tuple[str, ...]


def write_manifest(directory: Path, photos: Iterable[Photo], root: str = "") -> None:
    """Writes `manifest.parquet` into a directory, some thousand photos at a time.

    Args:
        directory: The artifact's directory.
        photos: The photos, ordered by image id; their `uri` is relative to `root`, or absolute.
        root: Where relative URIs begin: an absolute path, a URI, or a path relative to `directory`.

    Raises:
        ValueError: If they are not ordered by image id.
    """
    group, rows = list[pa.Table](), 0
    with pq.ParquetWriter(directory / MANIFEST_FILE, _SCHEMA) as writer:
        for table in _tables(photos):
            group.append(table)
            rows += len(table)
            if rows >= _ROW_GROUP:
                writer.write_table(pa.concat_tables(group).combine_chunks())
                group, rows = [], 0
        if group:
            writer.write_table(pa.concat_tables(group).combine_chunks())
    if root:
        write_json(directory / ROOT_FILE, {"root": root})


def _tables(photos: Iterable[Photo]) -> Iterator[pa.Table]:
    """Yields photos as tables of up to `_BATCH` rows."""
    each, last = iter(photos), ""
    while batch := list(islice(each, _BATCH)):
        for photo in batch:
            if photo.image_id < last:
                raise ValueError(f"Photos must be ordered by id: {photo.image_id!r}, {last!r}")
            last = photo.image_id
        rows = [{name: getattr(photo, name) for name in _SCHEMA.names} for photo in batch]
        yield pa.Table.from_pylist(rows, _SCHEMA)


@dataclass(frozen=True, slots=True)
class ManifestPhotos(Collection[Photo]):
    """The photos of a manifest, ordered by image id, read from the file whenever they are iterated.

    Attributes:
        directory: The manifest's directory.
        captions: Whether to read the captions too; without them, photos have none.
    """

    directory: str | Path
    captions: bool = True

    def __iter__(self) -> Iterator[Photo]:
        """Yields the photos, with `uri` made absolute."""
        base = Path(self.directory).absolute()
        root = read_json(base / ROOT_FILE)["root"] if (base / ROOT_FILE).exists() else ""
        columns = [name for name in _SCHEMA.names if self.captions or name != "captions"]
        for batch in self._file().iter_batches(_BATCH, columns=columns):
            for row in batch.to_pylist():
                yield Photo(
                    image_id=row["image_id"],
                    uri=resolve_uri(row["uri"], root, str(base)),
                    sha256=row["sha256"],
                    width=row["width"],
                    height=row["height"],
                    # One text for all photos of a split.
                    split=sys.intern(row["split"]),
                    captions=tuple(row.get("captions", ())),
                )

    def __len__(self) -> int:
        """Number of photos."""
        return int(self._file().metadata.num_rows)

    def __contains__(self, photo: object) -> bool:
        """Whether a photo is in the manifest."""
        return any(photo == each for each in self)

    def _file(self) -> pq.ParquetFile:
        # Not read_table, which imports pandas.
        return pq.ParquetFile(Path(self.directory) / MANIFEST_FILE)


def read_manifest(directory: str | Path) -> list[Photo]:
    """Returns the photos of a manifest, ordered by image id, with `uri` made absolute."""
    return list(ManifestPhotos(directory))


def resolve_uri(uri: str, root: str, directory: str) -> str:
    """Returns the absolute path, or the URI, of a photo in a manifest.

    Args:
        uri: As in `manifest.parquet`: relative to `root`, or absolute.
        root: As in `photos_root.json`: relative to `directory`, or absolute; may be empty.
        directory: The manifest's directory, an absolute path or a URI.
    """
    for base in (root, directory):
        # A URI such as `gs://bucket/1.jpg` is absolute, too.
        if "://" in uri or uri.startswith("/"):
            return uri
        uri = posixpath.join(base, uri)
    return uri
