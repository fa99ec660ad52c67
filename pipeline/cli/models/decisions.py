"""`captionflow models approve`, `reject`, `promote` and `rollback`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from components.errors import SettingError
from pipeline.cli.models.options import Model, Number, Reason, mlflow_of
from pipeline.cli.options import Root


def approve(version: Number, why: Reason, root: Root = Path("runs"), model: Model = None) -> None:
    """Make the version that waits for approval the champion."""
    with _name_of(model, root) as name:
        from components.registry import approval

        _show_champion(name, approval.approve(name, version, reason=_given(why)))


def reject(version: Number, why: Reason, root: Root = Path("runs"), model: Model = None) -> None:
    """Reject the version that waits for approval; it will not be trained again unchanged."""
    with _name_of(model, root) as name:
        from components.registry import approval

        approval.reject(name, version, reason=_given(why))
        typer.echo(f"Version {version} of {name} is rejected; the champion does not change.")


def promote(version: Number, why: Reason, root: Root = Path("runs"), model: Model = None) -> None:
    """Make a version the champion."""
    with _name_of(model, root) as name:
        from components.registry import promotion

        champion = promotion.promote(name, version, reason=_given(why))
        _show_champion(name, champion)
        if champion != version:
            typer.echo(f"It was promoted at the same time as version {version}.")


def rollback(why: Reason = "", root: Root = Path("runs"), model: Model = None) -> None:
    """Make the previous champion the champion again; repeat to go back further."""
    with _name_of(model, root) as name:
        from components.registry import promotion

        _show_champion(name, promotion.rollback(name, reason=why.strip()))


@contextmanager
def _name_of(model: str | None, root: Path) -> Iterator[str]:
    with mlflow_of(root):
        from components.registry.models import read_model

        yield read_model(model).name


def _show_champion(name: str, version: str) -> None:
    typer.echo(f"Version {version} of {name} is now the champion.")


def _given(why: str) -> str:
    if not why.strip():
        raise SettingError("The reason is empty. Give one with --why")
    return why.strip()
