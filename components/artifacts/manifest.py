"""The manifest artifact: `manifest.parquet` with one row per photo, and `report.json`.

Written by `ingest`, read by most steps.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SPLITS = ("train", "dev", "test")
MANIFEST_FILE = "manifest.parquet"
REPORT_FILE = "report.json"
#: Folder of photos that the artifact contains (from an archive or a bucket, or generated).
PHOTOS_DIRECTORY = "photos"

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
        uri: The file's path: absolute, or relative to the manifest's directory for photos that the
            artifact contains.
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


def write_manifest(directory: Path, photos: Iterable[Photo]) -> None:
    """Writes `manifest.parquet` into a directory, ordered by image id."""
    rows = [asdict(photo) for photo in sorted(photos, key=lambda photo: photo.image_id)]
    pq.write_table(pa.Table.from_pylist(rows, _SCHEMA), directory / MANIFEST_FILE)


def read_manifest(directory: str | Path) -> list[Photo]:
    """Returns the photos of a manifest, ordered by image id, with `uri` made absolute."""
    base = Path(directory).absolute()
    # Not read_table, which imports pandas.
    rows = pq.ParquetFile(base / MANIFEST_FILE).read().to_pylist()
    return [
        # pathlib: joining with an absolute path gives that path.
        Photo(**{**row, "uri": str(base / row["uri"]), "captions": tuple(row["captions"])})
        for row in rows
    ]
