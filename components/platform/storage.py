"""Paths of two kinds, local and `gs://`: what lies in a bucket is copied here before use."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from components.platform.errors import DataError, SettingError
from components.platform.fingerprint import fingerprint_tree, fingerprint_value

_SCHEME = "gs://"


def is_remote(uri: str) -> bool:
    """Returns whether a path names something in a bucket.

    Raises:
        SettingError: If it names a scheme other than `gs://`.
    """
    if "://" in uri and not uri.startswith(_SCHEME):
        raise SettingError(f"A path must be local or begin with {_SCHEME}. Received: {uri}")
    return uri.startswith(_SCHEME)


def local_copy(uri: str, directory: Path) -> Path:
    """Makes what a path names available as local files.

    Args:
        uri: A local path, `gs://bucket/object`, or `gs://bucket/prefix` of many objects.
        directory: Where objects of a bucket are copied to; not touched for a local path.

    Returns:
        The local path itself, or the path of the copied file or folder.

    Raises:
        DataError: If there is nothing at the path, or it may not be read.
        SettingError: If the scheme is neither local nor `gs://`.
    """
    if not is_remote(uri):
        path = Path(uri).expanduser()
        if not path.exists():
            raise DataError(f"Nothing lies at this path, check its spelling: {uri}")
        return path
    return _download(uri, directory)


def content_fingerprint(uri: str) -> str:
    """Fingerprints what a path names, wherever that lies.

    Args:
        uri: As for `local_copy`. Objects of a bucket count by the checksums that the bucket
            keeps, so nothing is copied.

    Returns:
        64 hex digits.

    Raises:
        DataError, SettingError: As `local_copy`.
    """
    if not is_remote(uri):
        return fingerprint_tree(local_copy(uri, Path()))
    bucket_name, prefix = _split(uri)
    with _reading(uri):
        blobs = _blobs(bucket_name, prefix)
        return fingerprint_value(
            sorted((blob.name.removeprefix(prefix), blob.size, blob.crc32c) for blob in blobs)
        )


def _split(uri: str) -> tuple[str, str]:
    bucket_name, _, prefix = uri.removeprefix(_SCHEME).partition("/")
    if not bucket_name:
        raise SettingError(f"A path must name a bucket after {_SCHEME}. Received: {uri}")
    return bucket_name, prefix.rstrip("/")


def _download(uri: str, directory: Path) -> Path:
    from google.cloud.storage import transfer_manager

    bucket_name, prefix = _split(uri)
    root = directory / (PurePosixPath(prefix).name or bucket_name)
    with _reading(uri):
        pairs = []
        for blob in _blobs(bucket_name, prefix):
            relative = blob.name.removeprefix(prefix).lstrip("/")
            target = (root / relative) if relative else root
            # An object's name is free text: it must not lead out of the folder.
            if not target.resolve().is_relative_to(directory.resolve()):
                raise DataError(f"An object's name must stay inside its folder: {blob.name!r}")
            target.parent.mkdir(parents=True, exist_ok=True)
            pairs.append((blob, str(target)))
        transfer_manager.download_many(
            pairs, worker_type=transfer_manager.THREAD, raise_exception=True
        )
    return root


def _blobs(bucket_name: str, prefix: str) -> list[Any]:
    from google.cloud import storage

    # No project: buckets' names are global. With STORAGE_EMULATOR_HOST set, the client asks
    # for no credentials either.
    bucket = storage.Client(project=None).bucket(bucket_name)
    if prefix and (single := bucket.get_blob(prefix)):
        return [single]
    listed = bucket.list_blobs(prefix=f"{prefix}/" if prefix else None)
    # A name that ends so is no more than a folder that someone made in the console.
    blobs = [blob for blob in listed if not blob.name.endswith("/")]
    if not blobs:
        raise DataError(
            f"Nothing lies at this path, check its spelling: {_SCHEME}{bucket_name}/{prefix}"
        )
    return blobs


@contextmanager
def _reading(uri: str) -> Iterator[None]:
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    # OSError: the network is gone, or the disk is full.
    except (GoogleAPIError, GoogleAuthError, OSError) as error:
        raise DataError(f"{uri} can't be read: {error}") from error
