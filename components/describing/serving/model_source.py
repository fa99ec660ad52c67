"""The model to serve, as one string: `models:/NAME@ALIAS`, `models:/NAME/VERSION` or a folder."""

import re
from contextlib import AbstractContextManager
from pathlib import Path

from components.describing.model import Model, open_model
from components.errors import SettingError

# MLflow's form of URIs; its parser is private.
_SCHEME = "models:/"
_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[\w.-]+)|/(?P<version>[1-9][0-9]*))")


def needs_registry(source: str) -> bool:
    """Returns whether a model comes from MLflow, not from a folder."""
    return source.startswith(_SCHEME)


def open_source(source: str) -> AbstractContextManager[Model]:
    """Returns `open_model` for a source.

    Args:
        source: MLflow's URI of a registered model, or a bundle's folder.

    Raises:
        SettingError: If it is a malformed URI.
    """
    if not needs_registry(source):
        return open_model("", bundle=Path(source))
    parts = _URI.fullmatch(source)
    if parts is None:
        raise SettingError(
            "--model must be models:/NAME@ALIAS, models:/NAME/VERSION or a folder. Received: "
            f"{source}"
        )
    return open_model(parts["name"], version=parts["version"], alias=parts["alias"])
