"""The manifest artifact: one Parquet row a photo, beside `report.json`.

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
#: Where photos lie that the artifact carries itself (from an archive, a bucket or drawn).
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
    """A photo that passed its checks, with its captions as people wrote them.

    Attributes:
        image_id: Unique within the data set: the photo's path as its captions give it (`1.jpg`,
            `cats/1.jpg`), with slashes and in NFC; below the data set if captions are ambiguous.
        uri: Where the bytes lie: an absolute path, or one relative to the manifest's directory
            for photos that the artifact carries itself.
        sha256: Of the file's bytes, 64 hex digits.
        width: In pixels, as it is shown (after EXIF rotation).
        height: In pixels, likewise.
        split: One of `SPLITS`.
        captions: At least one.
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
    # ParquetFile rather than read_table, which imports pandas.
    rows = pq.ParquetFile(base / MANIFEST_FILE).read().to_pylist()
    return [
        # An absolute uri wins over the base: pathlib's rule for joining.
        Photo(**{**row, "uri": str(base / row["uri"]), "captions": tuple(row["captions"])})
        for row in rows
    ]
