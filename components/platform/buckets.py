"""A place in a bucket, through Google's client: its objects, rights, and failures in one line.

What fails for a moment (429, 500 to 504, a connection that breaks) the client asks for again by
itself, in growing intervals, until its patience is out. With `STORAGE_EMULATOR_HOST` set it talks
to an emulator and needs no credentials.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from google.api_core.exceptions import (
    ClientError,
    Forbidden,
    GoogleAPIError,
    NotFound,
    RetryError,
    Unauthorized,
    from_http_response,
)
from google.api_core.retry import Retry
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY

from components.errors import CaptionflowError, SettingError
from components.platform.storage import SCHEME

# All that is done here; the role `storage.objectUser` has them.
_PERMISSIONS = [f"storage.objects.{doing}" for doing in ("create", "delete", "get", "list")]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which bucket, and how it is asked.

    Attributes:
        bucket: Google's handle.
        prefix: An object's name, or how the names of a folder's objects begin; no `/` at its end.
        retry: How long a request is made again that fails for a moment.
    """

    bucket: storage.Bucket
    prefix: str
    retry: Retry

    @property
    def folder(self) -> str:
        """How the names of the objects below this place begin."""
        return f"{self.prefix}/" if self.prefix else ""

    def single(self) -> storage.Blob | None:
        """Returns the object of just this name."""
        return self.bucket.get_blob(self.prefix, retry=self.retry) if self.prefix else None

    def below(self) -> list[storage.Blob]:
        """Returns the objects of the folder of this name."""
        listed = self.bucket.list_blobs(prefix=self.folder or None, retry=self.retry)
        # A name that ends so is no more than a folder that someone made in the console.
        return [blob for blob in listed if not blob.name.endswith("/")]

    def blobs(self) -> list[storage.Blob]:
        """Returns the object of this name, else all of the folder; nothing is no error."""
        single = self.single()
        return self.below() if single is None else [single]

    def require_permissions(self) -> None:
        """Checks that this account may read, write and remove objects here.

        Raises:
            SettingError: If it may not.
        """
        granted = self.bucket.test_iam_permissions(_PERMISSIONS, retry=self.retry)
        if lacking := sorted(set(_PERMISSIONS) - set(granted)):
            raise _refused(self.bucket.name, f"this account lacks {', '.join(lacking)}")


@contextmanager
def open_place(uri: str, patience: float) -> Iterator[Place]:
    """Yields the place that a `gs://` path names; what fails in the block becomes one line.

    Args:
        uri: `gs://bucket`, or `gs://bucket/object-or-prefix`.
        patience: Seconds that a request is made again and again; it ends at most a minute (the
            time limit of one request) later.

    Raises:
        SettingError: If there is no such bucket, or this account may not use it.
        CaptionflowError: If Cloud Storage does not answer; a later try can help.
    """
    bucket_name, _, prefix = uri.removeprefix(SCHEME).partition("/")
    if not bucket_name:
        raise SettingError(f"A path must name a bucket after {SCHEME}. Received: {uri}")
    try:
        # No project: buckets' names are global.
        with storage.Client(project=None) as client:
            retry = DEFAULT_RETRY.with_timeout(patience)
            yield Place(_bucket(client, bucket_name), prefix.rstrip("/"), retry)
    except NotFound as error:
        raise SettingError(
            f"The bucket must exist: make it with `gcloud storage buckets create "
            f"{SCHEME}{bucket_name}`, or correct its name. Received: {uri}"
        ) from error
    except Forbidden as error:
        raise _refused(bucket_name, _told(error)) from error
    except (DefaultCredentialsError, RefreshError, Unauthorized) as error:
        raise SettingError(
            f"{uri} needs valid Google credentials: run `gcloud auth application-default login`, "
            f"or name a key file in GOOGLE_APPLICATION_CREDENTIALS. Received: {_told(error)}"
        ) from error
    except RetryError as error:
        raise CaptionflowError(
            f"Cloud Storage must answer within {patience:g} s: check the network, or try again "
            f"later. Received for {uri}: {_told(error.cause or error)}"
        ) from error
    except ClientError as error:
        raise SettingError(f"Cloud Storage refuses {uri}: {_told(error)}") from error
    # OSError: the disk is full, or a file can't be read.
    except (GoogleAPIError, GoogleAuthError, InvalidResponse, DataCorruption, OSError) as error:
        raise CaptionflowError(f"{uri} can't be copied: {_told(error)}") from error


def _bucket(client: storage.Client, name: str) -> storage.Bucket:
    try:
        return client.bucket(name)
    except ValueError as error:
        raise SettingError(f"{error} Received: {SCHEME}{name}") from error


def _refused(bucket_name: str, told: str) -> SettingError:
    return SettingError(
        f"This account must be allowed to use {SCHEME}{bucket_name}: grant it with `gcloud storage "
        f"buckets add-iam-policy-binding {SCHEME}{bucket_name} --member=ACCOUNT "
        f"--role=roles/storage.objectUser` (to read alone: objectViewer). Received: {told}"
    )


def _told(error: Exception) -> str:
    # Google's own words on one line, without the address: in an upload's there is a key to it.
    response = getattr(error, "response", None)
    if response is not None:
        answer = from_http_response(response)
        return f"{answer.code} {' '.join(answer.message.partition(': ')[2].split())}"
    return re.sub(r"upload_id=[\w-]+", "upload_id=…", " ".join(str(error).split()))
