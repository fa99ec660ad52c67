"""Opens the file system that a path belongs to: this machine's, `gs://` or `s3://`.

gcsfs and s3fs retry temporary failures (status 408, 429 or 5xx, a broken or silent connection)
about six times, with growing delays. In total this takes half a minute if the store rejects the
requests, and less than 3 (`gs://`) or 8 minutes (`s3://`) if it never answers.
`STORAGE_EMULATOR_HOST` makes gcsfs use an emulator, without credentials; `AWS_ENDPOINT_URL` makes
s3fs use another server that implements S3.
"""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from components.errors import CaptionflowError, SettingError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_FILE = "file://"
# Seconds without any data after which a request counts as failed.
_SILENCE = 20
# S3's error codes, with status 403 or 400, for invalid credentials rather than missing permissions.
_S3_CREDENTIALS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}
# Errors that mean a wrong local path; a full disk is not among them.
_WRONG_PATH = (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)


class _Provider(NamedTuple):
    """What to do if an object store denies access; `{}` stands for the bucket."""

    name: str
    create: str
    grant: str
    log_in: str


_PROVIDERS = {
    "gs": _Provider(
        "Google Cloud Storage",
        "gcloud storage buckets create gs://{}",
        "`gcloud storage buckets add-iam-policy-binding gs://{} --member=ACCOUNT "
        "--role=roles/storage.objectUser` (to read only: objectViewer)",
        "run `gcloud auth application-default login`, or name a key file in "
        "GOOGLE_APPLICATION_CREDENTIALS",
    ),
    "s3": _Provider(
        "S3",
        "aws s3 mb s3://{}",
        "a policy that allows s3:ListBucket on {} and s3:GetObject, s3:PutObject and "
        "s3:DeleteObject on its objects (to read only: the first two)",
        "run `aws configure`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
}


def is_remote(uri: str) -> bool:
    """Returns whether a path is in an object store.

    Raises:
        SettingError: If its scheme is none of `gs://`, `s3://` and `file://`.
    """
    scheme, separator, _ = uri.partition("://")
    if separator and scheme not in (*_PROVIDERS, "file"):
        raise SettingError(
            f"A path must be local or begin with gs://, s3:// or file://. Received: {uri}"
        )
    return bool(separator) and scheme in _PROVIDERS


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
        if (translated := _translate(error, uri)) is None:
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


def _translate(error: Exception, uri: str) -> CaptionflowError | None:
    status, reason = (_status(error) if is_remote(uri) else 0), _reason(error)
    if not status:
        if not isinstance(error, OSError):
            return None
        kind = SettingError if isinstance(error, _WRONG_PATH) else CaptionflowError
        return kind(f"{uri} must be readable and writable: {reason}")
    scheme, _, path = uri.partition("://")
    provider, bucket = _PROVIDERS[scheme], path.partition("/")[0]
    match status:
        case 404:
            rule = f"The bucket must exist: create it with `{provider.create.format(bucket)}`, or "
            return SettingError(f"{rule}correct its name. Received: {uri}")
        case 401:
            rule = f"{uri} needs valid credentials: {provider.log_in}"
        case 403:
            rule = f"This account must be allowed to use {scheme}://{bucket}: grant it "
            rule += provider.grant.format(bucket)
        case _ if status >= 500 or status in (408, 429):
            rule = f"{provider.name} must answer: check the network, or try again later"
            return CaptionflowError(f"{rule}. Received for {uri}: {reason}")
        case _:
            rule = f"{provider.name} refuses {uri}"
    return SettingError(f"{rule}. Received: {reason}")


def _status(error: Exception) -> int:
    """Returns the HTTP status of an error, 503 if the store did not answer; 0 for other errors."""
    from aiohttp import ClientError
    from botocore import exceptions as s3
    from fsspec.exceptions import FSTimeoutError
    from gcsfs.retry import ChecksumError, NonRetryableError
    from google.auth.exceptions import GoogleAuthError, TransportError
    from requests import RequestException

    for each in (error, error.__cause__):
        response = getattr(each, "response", None)
        if isinstance(response, dict):
            if response.get("Error", {}).get("Code") in _S3_CREDENTIALS:
                return 401
            return int(response["ResponseMetadata"]["HTTPStatusCode"])
    # Errors of local files have an errno; those that gcsfs raises have none.
    of_server = isinstance(error, OSError) and error.errno is None
    match error:
        case FileNotFoundError() if of_server:
            return 404
        case OSError() if of_server and str(error).startswith("Forbidden"):
            return 403
        case (
            FSTimeoutError() | ClientError() | RequestException() | TransportError()
            | ChecksumError() | s3.HTTPClientError() | s3.ConnectionError()
        ):  # fmt: skip
            return 503
        case (
            GoogleAuthError() | NonRetryableError()
            | s3.NoCredentialsError() | s3.PartialCredentialsError()
        ):  # fmt: skip
            return 401
        case ValueError() | s3.BotoCoreError():
            return 400
    return int(getattr(error, "code", None) or 0)


def _reason(error: Exception) -> str:
    text = str(error) or ("no answer" if isinstance(error, TimeoutError) else repr(error))
    if text.startswith(("Forbidden: ", "Bad Request: ")):
        # gcsfs puts the URL first, which may be a secret: some URLs authorize an upload.
        text = text.partition("\n")[2] or text
    return re.sub(r"upload_id=[\w-]+", "upload_id=…", " ".join(text.split()))
