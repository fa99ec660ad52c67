"""Where a data set comes from, and which layout it has."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from components.errors import DataError, SettingError
from components.ingest.archives import is_archive, unpack
from components.ingest.layouts import coco, flickr8k, kaggle
from components.ingest.layouts.source import Layout, Source
from components.storage.filesystem import is_remote
from components.storage.transfer import local_copy

logger = logging.getLogger(__name__)

LAYOUTS: tuple[Layout, ...] = (flickr8k.LAYOUT, kaggle.LAYOUT, coco.LAYOUT)


def read_source(dataset: str, work: Path) -> Source:
    """Finds a data set's files, tells its layout and reads it.

    Args:
        dataset: A folder, a `.zip` or a `.tar.gz`: a local path or one in a bucket.
        work: A directory of this run: what is downloaded or unpacked goes there.

    Returns:
        The source. Image files below `work` are this run's own, others stay where they lie.

    Raises:
        DataError: If nothing lies there, or no layout or several are recognised.
        SettingError: If the path is empty or has an unknown scheme.
    """
    if not dataset.strip():
        raise SettingError("dataset must be a folder, an archive or `sample`. Received: ''")
    path = local_copy(dataset, work / "copy")
    if not path.is_dir():
        if not is_archive(path):
            raise DataError(f"dataset must be a folder, a .zip or a .tar.gz. Received: {dataset}")
        unpack(path, work / "unpacked")
        path = work / "unpacked"
    elif not is_remote(dataset):
        path = path.absolute()
    return read_folder(path, dataset)


def read_folder(folder: Path, dataset: str) -> Source:
    """Tells a folder's layout and reads it.

    Args:
        folder: Where the files are; they may lie inside enclosing folders.
        dataset: What the user calls it, for messages.

    Returns:
        The source.

    Raises:
        DataError: If no layout is recognised, or several are.
    """
    files = list_files(folder)
    hits = [(layout, found) for layout in LAYOUTS if (found := layout.find(files))]
    if not hits:
        raise DataError(
            f"No captions were recognised in {dataset}. Looked for: "
            f"{'; '.join(layout.looked_for for layout in LAYOUTS)}. It holds {_holds(folder)}"
        )
    if len(hits) > 1:
        recognised = "; ".join(
            f"{layout.name} ({', '.join(str(file.relative_to(folder)) for file in found)})"
            for layout, found in hits
        )
        raise DataError(
            f"A data set must have one layout. Recognised in {dataset}: {recognised}. "
            "Point at the folder that holds just one"
        )
    [(layout, found)] = hits
    source = layout.read(found, files)
    logger.info(
        "%s has the layout %s: captions of %d images, %d image files",
        dataset,
        layout.name,
        len(source.captions),
        len(source.images),
    )
    return source


def list_files(folder: Path) -> list[Path]:
    """Returns all files below a folder in a fixed order, without hidden ones.

    Links to folders are followed (people keep images on another disk), each folder once.
    """
    files: list[Path] = []
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        # `__MACOSX` and `._name` are what macOS adds to archives.
        folders[:] = sorted(f for f in folders if not f.startswith((".", "__MACOSX")))
        files += [Path(parent, name) for name in sorted(names) if not name.startswith(".")]
    return files


def _holds(folder: Path, most: int = 8) -> str:
    entries: Sequence[Path] = sorted(folder.iterdir())
    names = [f"{entry.name}/" if entry.is_dir() else entry.name for entry in entries[:most]]
    rest = f" and {len(entries) - most} more" if len(entries) > most else ""
    return f"{', '.join(names) or 'nothing'}{rest}"
