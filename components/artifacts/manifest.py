"""The manifest artifact: `manifest.parquet` with one row per photo, and `report.json`.

Written by `ingest`, read by most steps. `photos_root.json` records once where the photos are, so
that the table of a data set is the same, byte for byte, wherever the data set was read from.
"""

import posixpath
from collections.abc import Iterable
from dataclasses import asdict, dataclass
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
    """Writes `manifest.parquet` into a directory, ordered by image id.

    Args:
        directory: The artifact's directory.
        photos: The photos; their `uri` is relative to `root`, or absolute.
        root: Where relative URIs begin: an absolute path, a URI, or a path relative to `directory`.
    """
    rows = [asdict(photo) for photo in sorted(photos, key=lambda photo: photo.image_id)]
    pq.write_table(pa.Table.from_pylist(rows, _SCHEMA), directory / MANIFEST_FILE)
    if root:
        write_json(directory / ROOT_FILE, {"root": root})


def read_manifest(directory: str | Path) -> list[Photo]:
    """Returns the photos of a manifest, ordered by image id, with `uri` made absolute."""
    base = Path(directory).absolute()
    root = read_json(base / ROOT_FILE)["root"] if (base / ROOT_FILE).exists() else ""
    # Not read_table, which imports pandas.
    rows = pq.ParquetFile(base / MANIFEST_FILE).read().to_pylist()
    return [
        Photo(
            **{
                **row,
                "uri": resolve_uri(row["uri"], root, str(base)),
                "captions": tuple(row["captions"]),
            }
        )
        for row in rows
    ]


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
