"""The model to serve, as one string: `models:/NAME@ALIAS`, `models:/NAME/VERSION` or a folder."""

from contextlib import AbstractContextManager
from pathlib import Path

from components.describing.model import Model, open_model
from components.registry.model_uri import is_model_uri, parse_model_uri


def open_source(source: str) -> AbstractContextManager[Model]:
    """Returns `open_model` for a source.

    Args:
        source: MLflow's URI of a registered model, or a bundle's folder.

    Raises:
        SettingError: If it is a malformed URI.
    """
    if not is_model_uri(source):
        return open_model("", bundle=Path(source))
    name, alias, version = parse_model_uri(source, option="--model")
    return open_model(name, version=version, alias=alias)
