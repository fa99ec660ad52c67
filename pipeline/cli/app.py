"""The program `captionflow`.

captionflow run                                                    runs on this machine
captionflow submit | schedule | schedules | unschedule | compile   runs on a Kubeflow cluster
captionflow caption PHOTO… | demo                                  captions for people
captionflow serve                                                  captions for programs
captionflow models | features | doctor                             maintenance
"""

from importlib.metadata import version
from typing import Annotated

import typer

from pipeline.cli import (
    caption,
    compile_,
    demo,
    doctor,
    features,
    run,
    schedule,
    serve,
    submit,
)
from pipeline.cli.models import commands as models

_LOCAL, _CLUSTER, _CAPTIONS, _MAINTENANCE = (
    "This machine",
    "Kubeflow cluster",
    "Captions",
    "Maintenance",
)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Train, score and release models that caption photos.",
)


def _show_version(requested: bool) -> None:
    if requested:
        typer.echo(f"captionflow {version('captionflow')}")
        raise typer.Exit


@app.callback()
def main(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Declares the options of the program itself."""


app.command("run", rich_help_panel=_LOCAL)(run.run)
app.command("submit", rich_help_panel=_CLUSTER)(submit.submit)
app.command("schedule", rich_help_panel=_CLUSTER)(schedule.schedule)
app.command("schedules", rich_help_panel=_CLUSTER)(schedule.list_schedules)
app.command("unschedule", rich_help_panel=_CLUSTER)(schedule.unschedule)
app.command("compile", rich_help_panel=_CLUSTER)(compile_.compile_package_file)
app.command("caption", rich_help_panel=_CAPTIONS)(caption.caption)
app.command("demo", rich_help_panel=_CAPTIONS)(demo.demo)
app.command("serve", rich_help_panel=_CAPTIONS)(serve.serve_model)
app.add_typer(models.app, name="models", rich_help_panel=_MAINTENANCE)
app.add_typer(features.app, name="features", rich_help_panel=_MAINTENANCE)
app.command("doctor", rich_help_panel=_MAINTENANCE)(doctor.doctor)
