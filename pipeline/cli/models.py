"""The commands `captionflow models`: list, show, approve, promote and roll back models."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from components.errors import SettingError
from pipeline.cli.errors import one_line_errors
from pipeline.cli.options import Root

_Model = Annotated[
    str | None, typer.Option(help="Name of the registered model; needed only if there are several.")
]
_Number = Annotated[str, typer.Argument(help="Version number.")]
_Reason = Annotated[str, typer.Option(help="Reason to record in MLflow.")]

app = typer.Typer(
    no_args_is_help=True,
    help="Show registered models; approve, reject or promote a version; roll back.",
)


@app.command("list")
def list_versions(root: Root = Path("runs"), model: _Model = None) -> None:
    """List a model's versions and scores, and the history of its champions."""
    with _mlflow_of(root):
        from components.registry.models import read_model
        from pipeline.cli.model_tables import show_model

        show_model(read_model(model))


@app.command("show")
def show(
    version: Annotated[
        str | None, typer.Argument(help="Version number.", show_default="the champion")
    ] = None,
    root: Root = Path("runs"),
    model: _Model = None,
) -> None:
    """Show a version's scores, training config and the gate's decision."""
    with _mlflow_of(root):
        from components.registry.models import read_model
        from pipeline.cli.model_tables import show_version

        show_version(read_model(model), version)


@app.command("approve")
def approve(
    version: _Number,
    why: _Reason,
    root: Root = Path("runs"),
    model: _Model = None,
) -> None:
    """Make the version that waits for approval the champion."""
    with _mlflow_of(root):
        from components.registry import approval
        from components.registry.models import read_model

        name = read_model(model).name
        champion = approval.approve(name, version, reason=_given(why))
        typer.echo(f"Version {champion} of {name} is now the champion.")


@app.command("reject")
def reject(
    version: _Number,
    why: _Reason,
    root: Root = Path("runs"),
    model: _Model = None,
) -> None:
    """Reject the version that waits for approval; the same is not trained again."""
    with _mlflow_of(root):
        from components.registry import approval
        from components.registry.models import read_model

        name = read_model(model).name
        approval.reject(name, version, reason=_given(why))
        typer.echo(f"Version {version} of {name} is rejected; the champion stays.")


@app.command("promote")
def promote(
    version: _Number,
    why: _Reason,
    root: Root = Path("runs"),
    model: _Model = None,
) -> None:
    """Make a version the champion."""
    with _mlflow_of(root):
        from components.registry import promotion
        from components.registry.models import read_model

        name = read_model(model).name
        champion = promotion.promote(name, version, reason=_given(why))
        typer.echo(f"Version {champion} of {name} is now the champion.")
        if champion != version:
            typer.echo(f"It was promoted at the same time as version {version}.")


@app.command("rollback")
def rollback(why: _Reason = "", root: Root = Path("runs"), model: _Model = None) -> None:
    """Make the previous champion the champion again; repeat to go back further."""
    with _mlflow_of(root):
        from components.registry import promotion
        from components.registry.models import read_model

        name = read_model(model).name
        champion = promotion.rollback(name, reason=why.strip())
        typer.echo(f"Version {champion} of {name} is now the champion.")


def _given(why: str) -> str:
    if not why.strip():
        raise SettingError("The reason is empty. Give one with --why")
    return why.strip()


@contextmanager
def _mlflow_of(root: Path) -> Iterator[None]:
    from components.registry.client import store_exists
    from pipeline.local.environment import set_environment

    with one_line_errors():
        set_environment(root)
        if not store_exists():
            # Connecting would create it.
            raise SettingError(
                f"There are no runs in {root} yet. Start one with `captionflow run`, or choose "
                "another work folder (--root) or MLflow (MLFLOW_TRACKING_URI)"
            )
        yield
