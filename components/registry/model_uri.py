"""MLflow's URIs of registered models: `models:/NAME@ALIAS` and `models:/NAME/VERSION`."""

import re
from typing import NamedTuple

from components.errors import SettingError

# MLflow's own parser is private.
_SCHEME = "models:/"
_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[\w.-]+)|/(?P<version>[1-9][0-9]*))")


class ModelUri(NamedTuple):
    """The parts of a URI; one of alias and version is None."""

    name: str
    alias: str | None
    version: str | None


def is_model_uri(text: str) -> bool:
    """Returns whether a text names a registered model, not a folder."""
    return text.startswith(_SCHEME)


def parse_model_uri(text: str, *, option: str) -> ModelUri:
    """Returns the parts of a URI.

    Args:
        text: The URI.
        option: What the user gave it as, for the message.

    Raises:
        SettingError: If it is malformed.
    """
    parts = _URI.fullmatch(text)
    if parts is None:
        raise SettingError(
            f"{option} must be models:/NAME@ALIAS, models:/NAME/VERSION or a folder. Received: "
            f"{text}"
        )
    return ModelUri(parts["name"], parts["alias"], parts["version"])
