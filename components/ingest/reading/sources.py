"""Where a data set comes from, and how it is read."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from components.errors import DataError, SettingError, one_line
from components.ingest.archives.unpacking import is_archive, unpack
from components.ingest.captions.merging import merge_captions
from components.ingest.files.data_files import IMAGE_SUFFIXES, DataFiles, list_data_files
from components.ingest.files.mapped import Mapped
from components.ingest.layouts import (
    coco,
    csv_table,
    flickr_token,
    json_lines,
    json_map,
    json_nested,
    karpathy,
)
from components.ingest.layouts.caption_file import CaptionFile, Layout
from components.ingest.layouts.sidecars import (
    LOOKED_FOR,
    find_sidecars,
    find_unpaired,
    read_sidecars,
)
from components.ingest.matching.matching import match_photos
from components.ingest.matching.photo_ids import name_photos
from components.ingest.reading.explanations import nothing_recognised
from components.ingest.reading.source import Source
from components.ingest.splits.lists import find_split_lists
from components.ingest.splits.own_splits import own_splits
from components.ingest.splits.sources import find_split_sources
from components.storage.filesystem import is_remote
from components.storage.transfer import RemoteFile, download, local_copy, local_targets

logger = logging.getLogger(__name__)

LAYOUTS: tuple[Layout, ...] = (
    json_lines.LAYOUT,
    flickr_token.LAYOUT,
    csv_table.LAYOUT,
    coco.LAYOUT,
    karpathy.LAYOUT,
    json_map.LAYOUT,
    json_nested.LAYOUT,
)


def read_source(dataset: str, work: Path, *, leave_photos: bool = False) -> Source:
    """Finds a data set's files, detects its layout and reads it.

    Args:
        dataset: A folder, a `.zip` or a `.tar.gz`, local or in a bucket.
        work: This run's work folder, for downloaded and unpacked files.
        leave_photos: If the data set is a folder in a bucket, do not download its photos.

    Returns:
        The source. Image files below `work` belong to this run and may be moved; others must stay
        where they are.

    Raises:
        DataError: If the data set does not exist or is empty, no layout is recognised, or captions,
            photos or splits contradict each other.
        SettingError: If the path is empty or has an unknown scheme.
    """
    if not dataset.strip():
        raise SettingError("dataset must be a folder, an archive or `sample`. Received: ''")
    if leave_photos and is_remote(dataset):
        targets = local_targets(dataset, work / "copy")
        # An object with exactly this name is an archive, not a folder.
        if all(file.name for file in targets):
            return _read_remote_folder(dataset, targets, work / "copy")
    path = local_copy(dataset, work / "copy")
    if not path.is_dir():
        if not is_archive(path):
            raise DataError(f"dataset must be a folder, a .zip or a .tar.gz. Received: {dataset}")
        unpack(path, work / "unpacked")
        path = work / "unpacked"
    elif not is_remote(dataset):
        path = path.absolute()
    return read_folder(path, dataset)


def _read_remote_folder(
    dataset: str, targets: Mapping[RemoteFile, Path], directory: Path
) -> Source:
    """Reads a data set in a bucket's folder; downloads all of its files except photos."""
    folder = directory / PurePosixPath(dataset).name
    texts = {}
    photos = {}
    for file, path in targets.items():
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            texts[file.uri] = path
        elif path.relative_to(folder).as_posix() == file.name:
            photos[path] = file
        else:
            raise DataError(f"A photo's name must be a plain path. Received: {file.uri}")
    download(dataset, texts)
    source = read_folder(folder, dataset, photos)
    place = source.root.relative_to(folder).as_posix()
    root = dataset.rstrip("/")
    versions = {path: f"{file.size} {file.checksum}" for path, file in photos.items()}
    return replace(
        source,
        uri=root if place == "." else f"{root}/{place}",
        versions=Mapped(source.images, versions.__getitem__),
    )


def read_folder(
    folder: Path, dataset: str, remote: Mapping[Path, RemoteFile] | None = None
) -> Source:
    """Reads a data set in a folder.

    Args:
        folder: The folder with the files, which may be inside enclosing folders.
        dataset: The data set's path as the user gave it, for messages.
        remote: See `list_data_files`.

    Returns:
        The source.

    Raises:
        DataError: As `read_source`.
    """
    everything = list_data_files(folder, remote)
    sidecars = find_sidecars(everything)
    files = everything.without(sidecars)
    found = _read_layouts(files)
    if sidecars:
        # A sidecar whose photo is missing may look like a table's header with no rows below it.
        found = [file for file in found if file.rows]
        unpaired = find_unpaired(sidecars, files.without([file.path for file in found]))
        files = files.without(unpaired)
        sidecars |= unpaired
    unread = []
    if found and sidecars:
        unread = [
            f"{len(sidecars)} files that belong to one photo each ({min(sidecars)} first) were not "
            f"read as captions, because {found[0].path} has captions"
        ]
    elif sidecars:
        found = [read_sidecars(sidecars, everything)]
    if not found:
        looked_for = [*(one.looked_for for one in LAYOUTS), LOOKED_FOR]
        raise DataError(nothing_recognised(files, dataset, looked_for))
    captions, beside = _with_karpathy_beside(found)
    matches = match_photos(captions, files)
    ids = name_photos(matches)
    merged = merge_captions(captions, ids.by_name)
    unread_lists: list[str] = []
    lists = find_split_lists(files, [file.path for file in found], unread_lists)
    split_sources, no_photo = find_split_sources(
        captions,
        ids.by_name,
        beside,
        lists,
        located=ids.files,
        copies=merged.copies,
    )
    splits = own_splits(split_sources, merged.captions.keys())
    matched = set(ids.files.values())
    source = Source(
        layout=", ".join(dict.fromkeys(file.layout for file in found)),
        root=files.root,
        captions=merged.captions,
        images=Mapped(ids.files, files.paths.__getitem__),
        uncaptioned=[name for name in _photos(files) if name not in matched],
        splits=splits,
        loose=ids.loose,
        notes=[
            *(note for file in captions for note in file.notes),
            *unread,
            *merged.notes,
            *unread_lists,
            *no_photo,
            *splits.notes,
        ],
    )
    logger.info(
        "%s: captions of %d photos in %s, %d of them found",
        one_line(dataset),
        len(source.captions),
        one_line(", ".join(file.path for file in captions)),
        len(source.images),
    )
    return source


def _read_layouts(files: DataFiles) -> list[CaptionFile]:
    return [layout.read(name, files) for layout in LAYOUTS for name in layout.find(files)]


def _with_karpathy_beside(
    found: Sequence[CaptionFile],
) -> tuple[list[CaptionFile], list[CaptionFile]]:
    # If the original captions are present too, only the splits of Karpathy's JSON are used.
    others = [file for file in found if file.layout != karpathy.LAYOUT.name]
    if not others:
        return list(found), []
    return others, [file for file in found if file.layout == karpathy.LAYOUT.name]


def _photos(files: DataFiles) -> list[str]:
    return [name for name in files.paths if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES]
