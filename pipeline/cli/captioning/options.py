"""Options that `captionflow caption`, `demo` and `serve` share."""

from pathlib import Path
from typing import Annotated

import typer

from components.settings.bounds import MAX_BEAM_WIDTH
from components.settings.shared import ModelNameSettings

#: Name of the registered model, unless another is given.
DEFAULT_MODEL: str = ModelNameSettings.model_fields["model_name"].default

Beam = Annotated[
    int | None,
    typer.Option(
        help="Beam width: candidates kept per step; 1 means greedy search.",
        min=1,
        max=MAX_BEAM_WIDTH,
        show_default="the model's",
    ),
]
Name = Annotated[str, typer.Option(help="Name of the registered model.")]
Version = Annotated[
    int | None,
    typer.Option(help="Version of the registered model.", min=1, show_default="the champion"),
]
Bundle = Annotated[
    Path | None,
    typer.Option(
        readable=False, help="Folder of a model bundle to use instead of a registered model."
    ),
]
KeepFeatures = Annotated[
    str | None,
    typer.Option(
        metavar="<folder>",
        help="Folder, local, gs:// or s3://, in which to keep the photos' features for drift tests "
        "(`captionflow run --requests`), for at most 30 days. Photos, captions and names are not "
        "kept.",
        show_default="not kept",
    ),
]
