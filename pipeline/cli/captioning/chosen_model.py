"""Opens the model that the options of `captionflow caption` and `demo` name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.describing.model import Model, open_model
from pipeline.cli.captioning.last_model import naming_last_model
from pipeline.cli.captioning.process import prepare
from pipeline.config import make_settings


@contextmanager
def chosen_model(
    name: str, version: int | None, bundle: Path | None, root: Path
) -> Iterator[Model]:
    """Prepares this process, and yields the model's files; call it before TensorFlow is loaded.

    Args:
        name: The registered model.
        version: The model's version; None: the champion.
        bundle: Folder of a model bundle to use instead; None: the registered model.
        root: The work folder.

    Raises:
        SettingError: If the name is invalid, or there is no such version.
        DataError: If there is no such model, or it is damaged.
        CaptionflowError: If MLflow can't be used.
    """
    model_name = make_settings("sample", {"model_name": name}).model_name
    prepare(root, needs_registry=bundle is None)
    with (
        naming_last_model(root),
        open_model(
            model_name, version=None if version is None else str(version), bundle=bundle
        ) as model,
    ):
        yield model
