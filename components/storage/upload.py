"""Uploads of files and folders to the place that a path names; `transfer` brings them back.

A folder's upload first writes an object named `UNFINISHED` into it and removes it last: whoever
finds it there knows that the folder is incomplete. Another object, `UPLOADED`, lists the files of
the upload, which the next upload to the same place may therefore replace or remove.
"""

import json
import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from components.errors import DataError, SettingError
from components.markers import UNFINISHED, UPLOADED
from components.storage.durability import sync_tree
from components.storage.filesystem import is_remote, open_filesystem
from components.storage.objects import (
    has_content,
    in_parallel,
    list_objects,
    remove_file,
    upload_file,
)
from components.storage.transfer import local_copy

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

logger = logging.getLogger(__name__)


def upload(source: str | Path, uri: str) -> int:
    """Makes what a path names equal to a local file or folder; `local_copy` brings it back.

    A file appears whole, or what was there before stays. A folder is refused by readers from the
    first change to the last; if the upload is interrupted, until it is repeated. Files that are
    there with the same checksum are not sent again, and those of an earlier upload to the same
    place that the folder no longer has are removed. Empty folders are not uploaded.

    Args:
        source: A local file or folder.
        uri: What it is to be; see `exists`.

    Returns:
        How many files were sent.

    Raises:
        DataError: If `source` is not there, or a folder without files.
        SettingError: If `uri` can't name a file, the folder there holds other files too, or as
            `open_filesystem`.
        CaptionflowError: As `open_filesystem`.
    """
    local = local_copy(str(source), Path())
    with open_filesystem(uri) as (filesystem, path):
        if local.is_dir():
            return _upload_folder(filesystem, local, path, uri)
        if uri.endswith("/") or "/" not in path:
            raise SettingError(f"A file's path must name it, not a folder. Received: {uri}")
        there = list_objects(filesystem, path).get("")
        if there is not None and has_content(filesystem, there, local):
            return 0
        if is_remote(uri):
            upload_file(filesystem, local, path)
        else:
            _copy_whole(local, Path(path))
        return 1


def _upload_folder(filesystem: "AbstractFileSystem", folder: Path, path: str, uri: str) -> int:
    files = {
        file.relative_to(folder).as_posix(): file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != UPLOADED
    }
    if not files:
        raise DataError(f"A folder must hold files to be uploaded: {folder}")
    there = list_objects(filesystem, path)
    if "" in there:
        raise SettingError(f"A folder's place must not be a file's. Received: {uri}")
    notes = [name for name in (UPLOADED, UNFINISHED) if there.pop(name, None)]
    ours = {name for note in notes for name in _names(filesystem.cat_file(f"{path}/{note}"))}
    left_over = sorted(there.keys() - files.keys())
    if foreign := [name for name in left_over if name not in ours]:
        raise SettingError(
            f"{uri} must be empty, or hold an earlier upload only: name another place, or remove "
            f"what else is there. Received: {len(foreign)} other files, such as {foreign[0]}"
        )
    changed = [
        name
        for name, file in files.items()
        if name not in there or not has_content(filesystem, there[name], file)
    ]
    if changed or left_over or notes != [UPLOADED]:
        note = json.dumps(sorted(ours | files.keys())).encode()
        filesystem.pipe_file(f"{path}/{UNFINISHED}", note)
        in_parallel(lambda name: upload_file(filesystem, files[name], f"{path}/{name}"), changed)
        in_parallel(lambda name: remove_file(filesystem, f"{path}/{name}"), left_over)
        filesystem.pipe_file(f"{path}/{UPLOADED}", json.dumps(sorted(files)).encode())
        remove_file(filesystem, f"{path}/{UNFINISHED}")
    logger.info("%d files in %s, %d of them new or changed", len(files), uri, len(changed))
    return len(changed)


def _copy_whole(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{uuid4().hex}-{target.name}")
    try:
        shutil.copyfile(source, aside)
        # On the disk before it replaces another file: a power cut then loses neither.
        sync_tree(aside)
        aside.replace(target)
        sync_tree(target)
    finally:
        aside.unlink(missing_ok=True)


def _names(note: bytes) -> set[str]:
    try:
        return set(json.loads(note))
    except (ValueError, TypeError):
        return set()
