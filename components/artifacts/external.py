"""The content of files that settings name outside the pipeline: a name says nothing of it."""

import re
from pathlib import Path

from components.artifacts.fingerprint import fingerprint_tree, fingerprint_value
from components.storage.filesystem import is_remote
from components.storage.transfer import list_remote, local_copy, missing

_MEMBER_MARK = re.compile(r"(?<=\.zip)#", re.IGNORECASE)


def split_member(uri: str) -> tuple[str, str]:
    """Returns a path, and the file in the zip there that it names; "" if it names none."""
    archive, *member = _MEMBER_MARK.split(uri, maxsplit=1)
    return archive, "".join(member)


def external_content_hash(value: str, *words: str) -> str:
    """Returns a hash of the content that a setting names.

    Of objects in a bucket it covers the checksums that the store keeps, so nothing is downloaded.
    The same content has another hash on a disk, in Google Cloud Storage and in S3.

    Args:
        value: One of `words`, or a path, local, `gs://` or `s3://`; `path.zip#member` is a file in
            a zip.
        words: Values that name something by themselves, such as `imagenet`.

    Returns:
        The word itself; or 64 hex digits, and the member if there is one.

    Raises:
        DataError: If there is nothing at the path, or it can't be read.
        SettingError, CaptionflowError: As `storage.filesystem.open_filesystem`.
    """
    if value in words:
        return value
    path, member = split_member(value)
    return f"{_content_hash(path)} {member}".rstrip()


def _content_hash(uri: str) -> str:
    if not is_remote(uri):
        return fingerprint_tree(local_copy(uri, Path()))
    files = list_remote(uri)
    if not files:
        raise missing(uri)
    return fingerprint_value([(file.name, file.size, file.checksum) for file in files])
