"""Errors of files and object stores in one line: what is wrong with a path, and what to do."""

import re
from typing import NamedTuple

from components.errors import CaptionflowError, SettingError

# S3's error codes, with status 403 or 400, for invalid credentials rather than missing permissions.
_S3_CREDENTIALS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}
# Errors that mean a wrong local path; a full disk is not among them.
_WRONG_PATH = (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)


class Provider(NamedTuple):
    """What to do if an object store denies access; `{}` stands for the bucket.

    Attributes:
        name: The store's name.
        create: Command that creates the bucket.
        grant: What grants the rights to use it.
        log_in: How to get credentials.
    """

    name: str
    create: str
    grant: str
    log_in: str


#: The object stores, by scheme.
PROVIDERS = {
    "gs": Provider(
        "Google Cloud Storage",
        "gcloud storage buckets create gs://{}",
        "`gcloud storage buckets add-iam-policy-binding gs://{} --member=ACCOUNT "
        "--role=roles/storage.objectUser` (to read only: objectViewer)",
        "run `gcloud auth application-default login`, or name a key file in "
        "GOOGLE_APPLICATION_CREDENTIALS",
    ),
    "s3": Provider(
        "S3",
        "aws s3 mb s3://{}",
        "a policy that allows s3:ListBucket on {} and s3:GetObject, s3:PutObject and "
        "s3:DeleteObject on its objects (to read only: the first two)",
        "run `aws configure`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
}


def one_line_error(error: Exception, uri: str) -> CaptionflowError | None:
    """Returns the error to raise for one of a store's client, or of a local file.

    Args:
        error: What the client raised.
        uri: The path in use.

    Returns:
        What is wrong with the path, and what to do; None for an error that is not of a store.
    """
    scheme, separator, path = uri.partition("://")
    remote = bool(separator) and scheme in PROVIDERS
    status, reason = (_status(error) if remote else 0), _reason(error)
    if not status:
        if not isinstance(error, OSError):
            return None
        kind = SettingError if isinstance(error, _WRONG_PATH) else CaptionflowError
        return kind(f"{uri} must be readable and writable: {reason}")
    provider, bucket = PROVIDERS[scheme], path.partition("/")[0]
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
