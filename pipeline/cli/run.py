"""`captionflow run`: runs the whole pipeline on this machine.

captionflow run                     generated scenes
captionflow run --dataset FOLDER    your own photos; suitable settings are chosen and shown
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from components.settings.presets import DEFAULT_PRESET
from components.settings.run import RunSettings
from pipeline.cli.errors import one_line_errors
from pipeline.cli.options import Config, Preset, Root
from pipeline.cli.setting_options import with_options
from pipeline.cli.waiting import announce
from pipeline.config import make_settings, read_config


@with_options(RunSettings)
def run(
    given: dict[str, Any],
    preset: Preset = None,
    config: Config = None,
    root: Root = Path("runs"),
    cache: Annotated[
        bool, typer.Option(help="Reuse the results of steps whose code and inputs did not change.")
    ] = True,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show which steps would run, and why; run nothing.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Check the data set and show its content; run nothing."),
    ] = False,
    no_store: Annotated[
        bool, typer.Option("--no-store", help="Use no feature store; same as --store ''.")
    ] = False,
    upload: Annotated[
        str | None,
        typer.Option(
            help="Where to copy the artifacts after the run: gs://… or s3://….", metavar="<uri>"
        ),
    ] = None,
) -> None:
    """Run the whole pipeline on this machine: ingest, train, evaluate, register."""
    with one_line_errors():
        announce(_doing(check=check, plan=plan))
        fixed = {**(read_config(config) if config else {}), **given}
        if no_store:
            fixed["store"] = ""
        # Checked first, so that errors in settings appear at once: later imports take seconds.
        make_settings(DEFAULT_PRESET, fixed)
        from pipeline.local.choices.choose import Choices, choose_settings
        from pipeline.local.choices.parent_encoder import require_parent_encoder
        from pipeline.local.choices.table import show_choices

        if check:
            choices = Choices(preset or DEFAULT_PRESET, {})
        else:
            choices = choose_settings(preset, fixed, root)
        settings = make_settings(choices.preset, {**choices.values, **fixed})
        show_choices(choices, root)
        # A plan runs nothing that needs a matching encoder, and building one takes time.
        if settings.start_from and not (check or plan):
            announce(f"Comparing the image encoder with that of {settings.start_from} …")
            require_parent_encoder(settings)
        from pipeline.local import commands

        if check:
            commands.show_dataset(settings, root)
        elif plan:
            commands.print_plan(settings, root, reuse=cache)
        else:
            commands.run_and_show(settings, root, reuse=cache, upload=upload)


def _doing(*, check: bool, plan: bool) -> str:
    if check:
        return "Reading the data set …"
    return "Planning the run …" if plan else "Preparing the run …"
