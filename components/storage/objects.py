"""Single files of an open file system: list, compare, download, upload, remove.

They take fsspec's file system and a path in it, as `open_filesystem` yields them.
"""

import base64
import filecmp
import hashlib
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_IN_PARALLEL = 8
# Large files are sent in parts of this many bytes; after a failure, only one part is sent again.
_PART = 16 * 2**20


def in_parallel(call: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Calls a function for several items in parallel; after a failure, no further call begins."""
    with ThreadPoolExecutor(_IN_PARALLEL) as pool:
        return list(pool.map(call, items))


def list_objects(
    filesystem: "AbstractFileSystem", path: str, *, timeout: float | None = None
) -> dict[str, dict[str, Any]]:
    """Returns fsspec's details of all files at or below a path, by their names relative to it.

    A file at exactly this path has the name "". If nothing is there, the result is empty.
    """
    found = filesystem.find(path, detail=True, timeout=timeout)
    return {
        name.removeprefix(path).removeprefix("/"): details
        for name, details in found.items()
        # A name that ends in a slash stands for a folder that someone created in a console.
        if not name.endswith("/")
    }


def checksum(details: dict[str, Any]) -> str:
    """Returns the checksum that an object store keeps of an object's content.

    It is the MD5 in Google Cloud Storage (CRC32C of composite objects), and the ETag in S3.
    """
    return str(details.get("md5Hash") or details.get("crc32c") or details["ETag"].strip('"'))


def has_content(filesystem: "AbstractFileSystem", details: dict[str, Any], local: Path) -> bool:
    """Returns whether a listed file is known to have the content of a local one."""
    if details["size"] != local.stat().st_size:
        return False
    if _kind(filesystem) == "file":
        return filecmp.cmp(details["name"], local, shallow=False)
    with local.open("rb") as file:
        if _kind(filesystem) == "gs":
            digest = hashlib.file_digest(file, _md5).digest()
            return base64.b64encode(digest).decode() == checksum(details)
        if details["size"] < 2 * _PART:
            return hashlib.file_digest(file, _md5).hexdigest() == checksum(details)
        # For an object that was sent in parts, S3 uses the MD5 of the parts' MD5s.
        parts = [_md5(part).digest() for part in iter(partial(file.read, _PART), b"")]
    return f"{_md5(b''.join(parts)).hexdigest()}-{len(parts)}" == checksum(details)


def download_file(filesystem: "AbstractFileSystem", path: str, target: Path) -> None:
    """Downloads one object.

    Raises:
        FileNotFoundError: If it does not exist.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # With more than one connection, gcsfs asks for each object's size before the download.
    filesystem.get_file(path, str(target), concurrency=1)


def upload_file(filesystem: "AbstractFileSystem", local: Path, path: str) -> None:
    """Uploads a local file to a path; the object appears complete, or the previous one stays."""
    if _kind(filesystem) != "gs":
        filesystem.put_file(str(local), path, chunksize=_PART)
        return
    # gcsfs' put_file sends a small file in a MIME envelope with bare line feeds, so a file that
    # ends in a carriage return loses its last byte. A file that is committed explicitly is sent as
    # a resumable upload, which has no envelope.
    commits = {"autocommit": False, "block_size": _PART, "consistency": "md5"}
    with local.open("rb") as source, filesystem.open(path, "wb", **commits) as target:
        shutil.copyfileobj(source, target, _PART)
    target.commit()


def remove_file(filesystem: "AbstractFileSystem", path: str) -> None:
    """Removes a file; does nothing if it does not exist."""
    try:
        filesystem.rm_file(path)
    except FileNotFoundError:
        return


def _kind(filesystem: "AbstractFileSystem") -> str:
    return str(filesystem.protocol[0])


def _md5(content: bytes = b"") -> Any:
    return hashlib.md5(content, usedforsecurity=False)
