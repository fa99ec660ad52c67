"""`captionflow models list` and `show`."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.models.options import Model, mlflow_of
from pipeline.cli.options import Root


def list_versions(root: Root = Path("runs"), model: Model = None) -> None:
    """List a model's versions and scores, and the history of its champions."""
    with mlflow_of(root):
        from components.registry.models import read_model
        from pipeline.cli.models.model_table import show_model

        show_model(read_model(model))


def show(
    version: Annotated[
        str | None, typer.Argument(help="Version number.", show_default="the champion")
    ] = None,
    root: Root = Path("runs"),
    model: Model = None,
) -> None:
    """Show a version's scores, training config and the gate's decision."""
    with mlflow_of(root):
        from components.registry.models import read_model
        from pipeline.cli.models.version_table import show_version

        show_version(read_model(model), version)
