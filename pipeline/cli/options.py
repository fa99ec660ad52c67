"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from components.settings.presets import PRESETS

Preset = Annotated[
    str | None,
    typer.Option(
        help=f"Preset to start from: {', '.join(PRESETS)}.",
        show_default="sample; for your own data, `run` chooses one by the number of images",
    ),
]
# readable=False: Typer would report an unreadable path in a box of seven lines. The commands report
# it in one line.
Config = Annotated[
    Path | None,
    typer.Option(
        readable=False,
        metavar="<file>",
        help="YAML file of settings, such as the one that each run writes; options override it.",
    ),
]
Root = Annotated[
    Path,
    typer.Option(
        readable=False,
        help="Work folder; it holds the MLflow store unless MLFLOW_TRACKING_URI is set.",
    ),
]
KfpExperiment = Annotated[str, typer.Option(help="KFP experiment of the run.")]
