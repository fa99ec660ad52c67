"""Content hashes of external files that settings name."""

import re
from pathlib import Path

from components.artifacts.fingerprint import fingerprint_tree, fingerprint_value
from components.errors import missing
from components.storage.filesystem import is_remote
from components.storage.transfer import list_remote, local_copy

_MEMBER_SEPARATOR = re.compile(r"(?<=\.zip)#", re.IGNORECASE)


def split_member(uri: str) -> tuple[str, str]:
    """Splits `path.zip#member` into the path and the member; the member is "" if there is none."""
    archive, *member = _MEMBER_SEPARATOR.split(uri, maxsplit=1)
    return archive, "".join(member)


def external_content_hash(value: str, *words: str) -> str:
    """Returns a hash of the content that a setting names.

    For objects in a bucket, the hash is computed from the checksums that the store provides, so
    nothing is downloaded. The same content has different hashes on disk, in Google Cloud Storage
    and in S3.

    Args:
        value: One of `words`, or a path: local, `gs://` or `s3://`; `path.zip#member` names a file
            in a zip.
        words: Keywords, such as `imagenet`, which have no content.

    Returns:
        A keyword unchanged; else 64 hex digits, followed by the member if there is one.

    Raises:
        DataError: If the path does not exist or can't be read.
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
