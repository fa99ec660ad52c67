"""What a setting names outside the pipeline, told by what lies there, not by its name."""

from components.platform.storage import content_fingerprint

_MEMBER_MARK = ".zip#"


def split_member(uri: str) -> tuple[str, str]:
    """Returns a path, and the file in the zip there that it names; "" if it names none."""
    archive, mark, member = uri.partition(_MEMBER_MARK)
    return archive + mark.rstrip("#"), member


def named_content(value: str, *words: str) -> str:
    """Returns what tells the content that a setting names from any other.

    Args:
        value: One of `words`, or a path, local or `gs://`; `path.zip#member` is a file in a zip.
        words: Values that name something by themselves, such as `imagenet`.

    Returns:
        The word itself, or the fingerprint of what lies at the path.

    Raises:
        DataError: If there is nothing at the path, or it may not be read.
        SettingError: If the scheme is neither local nor `gs://`.
    """
    if value in words:
        return value
    path, member = split_member(value)
    return f"{content_fingerprint(path)} {member}".rstrip()
