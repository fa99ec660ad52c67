"""Opens the file system that a path belongs to: this machine's, `gs://` or `s3://`.

gcsfs and s3fs retry temporary failures (status 408, 429 or 5xx, a broken or silent connection)
about six times, with growing delays. In total this takes half a minute if the store rejects the
requests, and less than 3 (`gs://`) or 8 minutes (`s3://`) if it never answers.
`STORAGE_EMULATOR_HOST` makes gcsfs use an emulator, without credentials; `AWS_ENDPOINT_URL` makes
s3fs use another server that implements S3.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from uuid import uuid4

from components.errors import CaptionflowError, SettingError
from components.storage.store_errors import PROVIDERS, one_line_error

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_FILE = "file://"
# Seconds without any data after which a request counts as failed.
_SILENCE = 20


def is_remote(uri: str) -> bool:
    """Returns whether a path is in an object store.

    Raises:
        SettingError: If its scheme is none of `gs://`, `s3://` and `file://`.
    """
    scheme, separator, _ = uri.partition("://")
    if separator and scheme not in (*PROVIDERS, "file"):
        raise SettingError(
            f"A path must be local or begin with gs://, s3:// or file://. Received: {uri}"
        )
    return bool(separator) and scheme in PROVIDERS


def is_absolute(uri: str) -> bool:
    """Returns whether a path does not depend on the working folder."""
    return is_remote(uri) or PurePosixPath(uri.removeprefix(_FILE)).is_absolute()


def local_path(uri: str) -> Path:
    """Returns the local path that a plain path or `file://` names."""
    return Path(uri.removeprefix(_FILE)).expanduser()


def require_writable(uri: str) -> None:
    """Checks, before hours of work, that files can be written, read and removed in a folder.

    It writes, reads and removes a small file; a local folder is created and stays.

    Raises:
        SettingError, CaptionflowError: As `open_filesystem`.
    """
    with open_filesystem(uri) as (filesystem, path):
        probe = f"{path}/.captionflow-{uuid4().hex}"
        filesystem.pipe_file(probe, b"can this be written?")
        filesystem.cat_file(probe)
        filesystem.rm_file(probe)


@contextmanager
def open_filesystem(uri: str) -> Iterator[tuple["AbstractFileSystem", str]]:
    """Yields a path's file system and the path in it; errors in the block become one-line messages.

    Args:
        uri: A local path, `gs://bucket/name` or `s3://bucket/name`.

    Yields:
        fsspec's file system, and `bucket/name` or an absolute local path.

    Raises:
        SettingError: If there is no such bucket, no valid credentials, or no permission to use it.
        CaptionflowError: If the object store does not answer, or the disk is full: trying again
            later can help.
    """
    try:
        if not is_remote(uri):
            from fsspec.implementations.local import LocalFileSystem

            yield LocalFileSystem(auto_mkdir=True), str(local_path(uri).absolute())
            return
        scheme, _, path = uri.partition("://")
        if not path.partition("/")[0]:
            raise SettingError(f"A path must name a bucket after {scheme}://. Received: {uri}")
        yield (_google() if scheme == "gs" else _s3()), path.rstrip("/")
    except CaptionflowError:
        raise
    except Exception as error:  # of any store's client; unknown ones pass unchanged
        if (translated := one_line_error(error, uri)) is None:
            raise
        raise translated from error


# fsspec keeps one instance per process and set of arguments, so connections are reused. Listings
# are not cached, because other runs change the same folders.
def _google() -> "AbstractFileSystem":
    from aiohttp import ClientTimeout
    from gcsfs.core import GCSFileSystem

    # gcsfs logs each failure with a traceback, although it raises it as well.
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    return GCSFileSystem(
        token="anon" if emulator else "google_default",
        endpoint_url=f"http://{emulator}" if emulator and "://" not in emulator else emulator,
        requests_timeout=ClientTimeout(sock_connect=_SILENCE, sock_read=_SILENCE),
        use_listings_cache=False,
    )


def _s3() -> "AbstractFileSystem":
    from s3fs import S3FileSystem

    names = ("FSSPEC_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    filesystem = S3FileSystem(
        endpoint_url=next(filter(None, map(os.environ.get, names)), None),
        config_kwargs={
            "connect_timeout": _SILENCE,
            "read_timeout": _SILENCE,
            "retries": {"mode": "standard", "total_max_attempts": 6},
        },
        # Files are already sent in parallel.
        max_concurrency=1,
        use_listings_cache=False,
    )
    # In addition to botocore's retries, which do not cover reading a body.
    filesystem.retries = 3
    return filesystem
