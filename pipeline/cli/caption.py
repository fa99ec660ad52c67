"""`captionflow caption`: captions on the screen, aloud, or in a file.

captionflow caption photo.jpg
captionflow caption photo.jpg --alternatives 2 --speak
captionflow caption FOLDER gs://bucket/photos -o captions.jsonl

Without `-o`, each caption is printed as soon as it is found. With it, Beam captions all photos into
a file, and the same command resumes after an interruption.
"""

from pathlib import Path
from typing import Annotated

import typer

from components.errors import DataError, SettingError
from pipeline.cli.captioning.options import DEFAULT_MODEL, Beam, Bundle, KeepFeatures, Name, Version
from pipeline.cli.errors import one_line_errors
from pipeline.cli.options import Root
from pipeline.cli.waiting import announce
from pipeline.config import make_settings

_Photos = Annotated[
    list[str], typer.Argument(metavar="PHOTO…", help="Files or folders, local, gs:// or s3://.")
]
_Output = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="<file>",
        help="File to append all captions to, as JSON Lines, instead of printing them.",
    ),
]
_Alternatives = Annotated[int, typer.Option(help="Number of next best captions to add.", min=0)]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
_Speak = Annotated[
    bool,
    typer.Option("--speak", help="Also read captions aloud: espeak-ng, espeak, spd-say or say."),
]
_Always = Annotated[
    bool,
    typer.Option(
        "--always", help="Print and read captions that the model is not sure of like all others."
    ),
]
_BeamFlags = Annotated[str, typer.Option(help="Flags for Beam's runner, used with -o.")]


def caption(
    photos: _Photos,
    output: _Output = None,
    beam: Beam = None,
    alternatives: _Alternatives = 0,
    as_json: _Json = False,
    say: _Speak = False,
    always: _Always = False,
    model_name: Name = DEFAULT_MODEL,
    model_version: Version = None,
    bundle: Bundle = None,
    root: Root = Path("runs"),
    beam_flags: _BeamFlags = "",
    keep_features: KeepFeatures = None,
) -> None:
    """Caption photos for people who can't see them."""
    resume = "" if output is None else "; run the same command to continue"
    with one_line_errors(f"stopped{resume}"):
        announce("Loading the model …")
        # These take seconds to import.
        from components.describing.model import decode_options, open_model
        from components.describing.speech import find_speech
        from components.storage.filesystem import is_remote
        from pipeline.cli.captioning.last_model import naming_last_model
        from pipeline.cli.captioning.printing import print_captions
        from pipeline.cli.captioning.process import prepare
        from pipeline.cli.captioning.writing import write_captions

        settings = make_settings("sample", {"model_name": model_name, "beam_flags": beam_flags})
        if output is not None and (say or is_remote(output)):
            raise SettingError(
                "--output must be a file on this machine, since lines are appended to it, and "
                f"can't be combined with --speak. Received: {output}"
            )
        speech = find_speech() if say else []
        prepare(root, needs_registry=bundle is None)
        version = None if model_version is None else str(model_version)
        with (
            naming_last_model(root),
            open_model(settings.model_name, version=version, bundle=bundle) as model,
        ):
            options = decode_options(model, beam, alternatives)
            announce(f"Captions are by {model.name}.")
            if output is None:
                succeeded = print_captions(
                    photos,
                    model,
                    options,
                    as_json=as_json,
                    speech=speech,
                    features=keep_features,
                    always=always,
                )
            else:
                succeeded = write_captions(
                    photos, Path(output), model, options, settings.beam_flags, keep_features
                )
        if not succeeded:
            raise typer.Exit(DataError.exit_code)
