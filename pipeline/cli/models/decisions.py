"""`captionflow models approve`, `reject`, `promote` and `rollback`."""

from pathlib import Path

import typer

from components.errors import SettingError
from pipeline.cli.models.options import Model, Number, Reason, mlflow_of
from pipeline.cli.options import Root


def approve(
    version: Number,
    why: Reason,
    root: Root = Path("runs"),
    model: Model = None,
) -> None:
    """Make the version that waits for approval the champion."""
    with mlflow_of(root):
        from components.registry import approval
        from components.registry.models import read_model

        name = read_model(model).name
        champion = approval.approve(name, version, reason=_given(why))
        typer.echo(f"Version {champion} of {name} is now the champion.")


def reject(
    version: Number,
    why: Reason,
    root: Root = Path("runs"),
    model: Model = None,
) -> None:
    """Reject the version that waits for approval; it will not be trained again unchanged."""
    with mlflow_of(root):
        from components.registry import approval
        from components.registry.models import read_model

        name = read_model(model).name
        approval.reject(name, version, reason=_given(why))
        typer.echo(f"Version {version} of {name} is rejected; the champion does not change.")


def promote(
    version: Number,
    why: Reason,
    root: Root = Path("runs"),
    model: Model = None,
) -> None:
    """Make a version the champion."""
    with mlflow_of(root):
        from components.registry import promotion
        from components.registry.models import read_model

        name = read_model(model).name
        champion = promotion.promote(name, version, reason=_given(why))
        typer.echo(f"Version {champion} of {name} is now the champion.")
        if champion != version:
            typer.echo(f"It was promoted at the same time as version {version}.")


def rollback(why: Reason = "", root: Root = Path("runs"), model: Model = None) -> None:
    """Make the previous champion the champion again; repeat to go back further."""
    with mlflow_of(root):
        from components.registry import promotion
        from components.registry.models import read_model

        name = read_model(model).name
        champion = promotion.rollback(name, reason=why.strip())
        typer.echo(f"Version {champion} of {name} is now the champion.")


def _given(why: str) -> str:
    if not why.strip():
        raise SettingError("The reason is empty. Give one with --why")
    return why.strip()
