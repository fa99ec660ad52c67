"""Shows what was released and why, and decides what is: `python -m pipeline.registry`.

    python -m pipeline.registry list
    python -m pipeline.registry show 2
    python -m pipeline.registry promote 2 --why "reads better aloud"
    python -m pipeline.registry rollback

It asks the MLflow that `MLFLOW_TRACKING_URI` names, or else that of the work folder. Every
promotion is noted there, those of the pipeline too; `components.register.history` says how.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from components.errors import CaptionflowError, SettingError

_Root = Annotated[Path, typer.Option(help="The work folder, if MLFLOW_TRACKING_URI is not set.")]
_Model = Annotated[
    str | None, typer.Option(help="The registered model; not needed if there is only one.")
]
_Why = Annotated[str, typer.Option(help="The reason, which is noted.")]

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Shows which model was champion when and why, makes another it, and takes that back.",
)


@app.command("list")
def list_versions(root: _Root = Path("runs"), model: _Model = None) -> None:
    """Lists all versions with their scores, and who was champion when and why."""
    with _store_of(root):
        from components.register.versions import find_model, read_model
        from pipeline.champions import show_model

        show_model(read_model(find_model(model)))


@app.command("show")
def show(
    version: Annotated[
        str | None, typer.Argument(help="The version; the champion if none is named.")
    ] = None,
    root: _Root = Path("runs"),
    model: _Model = None,
) -> None:
    """Shows all that is noted of a version."""
    with _store_of(root):
        from components.register.versions import find_model, read_model
        from pipeline.champions import show_version

        show_version(read_model(find_model(model)), version)


@app.command("promote")
def promote(
    version: Annotated[str, typer.Argument(help="The version.")],
    why: _Why,
    root: _Root = Path("runs"),
    model: _Model = None,
) -> None:
    """Makes a version champion."""
    with _store_of(root):
        from components.register import promotion
        from components.register.versions import find_model

        if not why.strip():
            raise SettingError(f"why must give the reason. Received: {why!r}")
        name = find_model(model)
        _tell(name, promotion.promote(name, version, why=why), version)


@app.command("rollback")
def rollback(why: _Why = "", root: _Root = Path("runs"), model: _Model = None) -> None:
    """Makes the champion before the present one champion again; once more goes further back."""
    with _store_of(root):
        from components.register import promotion
        from components.register.versions import find_model

        name = find_model(model)
        _tell(name, promotion.rollback(name, why=why))


def _tell(name: str, champion: str, wanted: str | None = None) -> None:
    typer.echo(f"{name} version {champion} is champion")
    if wanted not in (None, champion):
        typer.echo(f"It was promoted at the same time as version {wanted}: both are noted")


@contextmanager
def _store_of(root: Path) -> Iterator[None]:
    from components.platform.tracking import store_exists
    from pipeline.local.environment import set_environment

    try:
        set_environment(root)
        if not store_exists():
            # To look must not make one.
            raise SettingError(
                f"root must be a work folder with an MLflow store: run the pipeline there first, "
                f"or set MLFLOW_TRACKING_URI to another. Received: {root}"
            )
        yield
    except CaptionflowError as error:
        typer.echo(f"captionflow: {error}", err=True)
        raise typer.Exit(error.exit_code) from None


if __name__ == "__main__":
    app()
