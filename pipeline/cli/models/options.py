"""What the `captionflow models` commands share: options, and access to MLflow."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from components.errors import SettingError
from pipeline.cli.errors import one_line_errors
from pipeline.cli.waiting import announce
from pipeline.local.environment import set_environment

Model = Annotated[
    str | None, typer.Option(help="Name of the registered model; needed only if there are several.")
]
Number = Annotated[str, typer.Argument(help="Version number.")]
Reason = Annotated[str, typer.Option(help="Reason to record in MLflow.")]


@contextmanager
def mlflow_of(root: Path) -> Iterator[None]:
    """Prepares MLflow for a command's body, and prints its errors as one line.

    Args:
        root: The work folder.

    Raises:
        typer.Exit: If the body failed, or there is no MLflow store yet.
    """
    with one_line_errors():
        announce("Reading the model registry …")
        from components.registry.client import store_exists

        set_environment(root)
        if not store_exists():
            # Connecting would create it.
            raise SettingError(
                f"There are no runs in {root} yet. Start one with `captionflow run`, or choose "
                "another work folder (--root) or MLflow (MLFLOW_TRACKING_URI)"
            )
        yield
