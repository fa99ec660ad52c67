"""Paths of two kinds, local and `gs://`: what lies in a bucket is copied here before use."""

from pathlib import Path

from components.artifacts.fingerprint import fingerprint_tree, fingerprint_value
from components.errors import DataError, SettingError

#: Seconds that a request to a bucket is made again and again before it counts as failed.
PATIENCE = 120.0

SCHEME = "gs://"


def is_remote(uri: str) -> bool:
    """Returns whether a path names something in a bucket.

    Raises:
        SettingError: If it names a scheme other than `gs://`.
    """
    if "://" in uri and not uri.startswith(SCHEME):
        raise SettingError(f"A path must be local or begin with {SCHEME}. Received: {uri}")
    return uri.startswith(SCHEME)


def exists(uri: str, *, patience: float = PATIENCE) -> bool:
    """Returns whether a path, local or `gs://`, names a file or a folder that is there.

    Raises:
        SettingError, CaptionflowError: As `local_copy`.
    """
    if not is_remote(uri):
        return Path(uri).expanduser().exists()
    from components.platform.buckets import open_place

    with open_place(uri, patience) as place:
        return bool(place.blobs())


def local_copy(uri: str, directory: Path, *, patience: float = PATIENCE) -> Path:
    """Makes what a path names available as local files.

    Args:
        uri: A local path, `gs://bucket/object`, or `gs://bucket/prefix` of many objects.
        directory: Where objects of a bucket are copied to; not touched for a local path.
        patience: Seconds that each request to a bucket is made again if it fails for a moment.

    Returns:
        The local path itself, or the path of the copied file or folder.

    Raises:
        DataError: If there is nothing at the path, or a folder whose `upload` was cut.
        SettingError: If the scheme is neither local nor `gs://`, there is no such bucket, or this
            account may not use it.
        CaptionflowError: If Cloud Storage does not answer; a later try can help.
    """
    if not is_remote(uri):
        path = Path(uri).expanduser()
        if not path.exists():
            raise DataError(f"Nothing lies at this path, check its spelling: {uri}")
        return path
    from components.platform.transfers import download

    return download(uri, directory, patience)


def content_fingerprint(uri: str, *, patience: float = PATIENCE) -> str:
    """Fingerprints what a path names, wherever that lies.

    Args:
        uri: As for `local_copy`. Objects of a bucket count by the checksums that the bucket
            keeps, so nothing is copied.
        patience: As for `local_copy`.

    Returns:
        64 hex digits.

    Raises:
        DataError, SettingError, CaptionflowError: As `local_copy`.
    """
    if not is_remote(uri):
        return fingerprint_tree(local_copy(uri, Path()))
    from components.platform.buckets import open_place
    from components.platform.transfers import find

    with open_place(uri, patience) as place:
        return fingerprint_value(
            sorted(
                (blob.name.removeprefix(place.prefix), blob.size, blob.crc32c)
                for blob in find(place, uri)
            )
        )


def upload(path: str | Path, uri: str, *, patience: float = PATIENCE) -> int:
    """Makes a local file or folder be what `uri` names; `local_copy` brings it back.

    A file appears whole, or what was there before stays. A folder is refused by `local_copy` from
    the first change to the last, and if the upload is cut, until it is repeated; objects of an
    earlier upload to the same place that the folder no longer has are removed. What is there
    already with the same checksum is not sent again. Empty folders are nothing in a bucket.

    Args:
        path: A file or a folder.
        uri: `gs://bucket/name` that the file or the folder gets; a folder may be a whole bucket.
        patience: Seconds that each request is made again if it fails for a moment; a large file
            goes in chunks, one request each.

    Returns:
        How many files were sent.

    Raises:
        DataError: If nothing lies at `path`.
        SettingError: If `uri` does not begin with `gs://` or names no file, the place holds
            other objects too, there is no such bucket, or this account may not use it.
        CaptionflowError: If Cloud Storage does not answer; a later try can help.
    """
    _require_remote(uri)
    local = local_copy(str(path), Path())
    from components.platform.transfers import upload_file, upload_folder

    return (upload_folder if local.is_dir() else upload_file)(local, uri, patience)


def remove(uri: str, *, patience: float = PATIENCE) -> None:
    """Removes an object of a bucket; one that is not there is no error.

    Raises:
        SettingError, CaptionflowError: As `upload`.
    """
    _require_remote(uri)
    from components.platform import transfers

    transfers.remove(uri, patience)


def require_writable(uri: str, *, patience: float = PATIENCE) -> None:
    """Checks, before hours of work, that this account may write, read and remove at a place.

    Raises:
        SettingError: If it may not, or there is no such bucket.
        CaptionflowError: If Cloud Storage does not answer.
    """
    _require_remote(uri)
    from components.platform.buckets import open_place

    with open_place(uri, patience) as place:
        place.require_permissions()


def _require_remote(uri: str) -> None:
    if not is_remote(uri):
        raise SettingError(f"A place in a bucket must begin with {SCHEME}. Received: {uri}")
