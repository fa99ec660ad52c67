"""The options of `captionflow features`: which feature store, and how large it may be."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ByteSize, TypeAdapter, ValidationError

from components.errors import SettingError
from components.settings.encoder import EncoderSettings
from components.storage.filesystem import is_remote, local_path
from pipeline.local.environment import check_readable

DEFAULT_STORE: str = EncoderSettings.model_fields["store"].default

Store = Annotated[
    str, typer.Option(help="Feature store: a folder in the work folder, gs:// or s3://.")
]


def store_location(root: Path, store: str) -> str:
    """Returns the path of a feature store, which may be relative to the work folder.

    Raises:
        SettingError: If it is empty, or the work folder can't be read.
    """
    if not store:
        raise SettingError("store must be a path. Received: ''")
    if is_remote(store):
        return store
    check_readable(root)
    return str(root / local_path(store))


def bytes_of(text: str | None) -> int | None:
    """Returns a size such as 500MB in bytes; None for None.

    Raises:
        SettingError: If it is not a size.
    """
    try:
        return None if text is None else TypeAdapter(ByteSize).validate_python(text)
    except ValidationError as error:
        raise SettingError(
            f"keep-bytes must be a size, such as 500MB or 2GiB. Received: {text!r}"
        ) from error
