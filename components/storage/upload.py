"""Uploads files and folders, to a local path or a bucket; `transfer` downloads them.

The upload of a folder first writes an object named `UNFINISHED` into it and removes it last: a
reader that finds it knows that the folder is incomplete. Another object, `UPLOADED`, lists the
files of the upload, so that the next upload to the same path may replace or remove them.
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
    """Uploads a local file or folder to a path; `local_copy` downloads it.

    A file appears complete, or the previous one stays. Readers reject a folder while its upload is
    in progress; if the upload is interrupted, until it is repeated. Files that already exist there
    with the same checksum are not sent again, and files of an earlier upload to the same path that
    the folder no longer contains are removed. Empty folders are not uploaded.

    Args:
        source: A local file or folder.
        uri: The path to upload to; see `exists`.

    Returns:
        The number of files sent.

    Raises:
        DataError: If `source` does not exist, or is a folder without files.
        SettingError: If `uri` can't name a file, the folder there has other files too, or as
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
        raise SettingError(f"A folder can't be uploaded to where a file is. Received: {uri}")
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
        # Written to the disk before it replaces another file, so that a power cut loses neither.
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
