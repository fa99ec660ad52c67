"""Options of `captionflow caption` alone."""

from typing import Annotated

import typer

Photos = Annotated[
    list[str], typer.Argument(metavar="PHOTO…", help="Files or folders, local, gs:// or s3://.")
]
Output = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="<file>",
        help="File to append all captions to, as JSON Lines, instead of printing them.",
    ),
]
Alternatives = Annotated[int, typer.Option(help="Number of alternative captions to add.", min=0)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
Speak = Annotated[
    bool,
    typer.Option("--speak", help="Also read captions aloud: espeak-ng, espeak, spd-say or say."),
]
Always = Annotated[
    bool,
    typer.Option(
        "--always", help="Print and read captions that the model is not sure of like all others."
    ),
]
BeamFlags = Annotated[str, typer.Option(help="Flags for Beam's runner, used with -o.")]
