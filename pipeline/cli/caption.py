"""`captionflow caption`: captions on the screen, aloud, or in a file.

captionflow caption photo.jpg --alternatives 2 --speak
captionflow caption FOLDER gs://bucket/photos -o captions.jsonl

Without `-o`, each caption is printed as soon as it is found; with it, an interrupted run resumes.
"""

from pathlib import Path

import typer

from components.errors import DataError, SettingError
from pipeline.cli.captioning.caption_options import (
    Alternatives,
    Always,
    BeamFlags,
    Json,
    Output,
    Photos,
    Speak,
)
from pipeline.cli.captioning.options import DEFAULT_MODEL, Beam, Bundle, KeepFeatures, Name, Version
from pipeline.cli.errors import one_line_errors
from pipeline.cli.options import Root
from pipeline.cli.waiting import announce
from pipeline.config import make_settings


def caption(
    photos: Photos,
    output: Output = None,
    beam: Beam = None,
    alternatives: Alternatives = 0,
    as_json: Json = False,
    say: Speak = False,
    always: Always = False,
    model_name: Name = DEFAULT_MODEL,
    model_version: Version = None,
    bundle: Bundle = None,
    root: Root = Path("runs"),
    beam_flags: BeamFlags = "",
    keep_features: KeepFeatures = None,
) -> None:
    """Caption photos for people who can't see them."""
    resume = "" if output is None else "; run the same command to continue"
    with one_line_errors(f"stopped{resume}"):
        announce("Loading the model …")
        # These take seconds to import.
        from components.describing.model import decode_options
        from components.describing.speech import find_speech
        from components.storage.filesystem import is_remote
        from pipeline.cli.captioning.chosen_model import chosen_model
        from pipeline.cli.captioning.printing import print_captions
        from pipeline.cli.captioning.writing import write_captions

        flags = make_settings("sample", {"beam_flags": beam_flags}).beam_flags
        if output is not None and (say or is_remote(output)):
            raise SettingError(
                "--output must be a file on this machine, since lines are appended to it, and "
                f"can't be combined with --speak. Received: {output}"
            )
        if say:
            find_speech()  # before the model is loaded
        with chosen_model(model_name, model_version, bundle, root) as model:
            options = decode_options(model, beam, alternatives)
            announce(f"Using {model.name}.")
            speech = find_speech(model.language) if say else []
            if output is None:
                succeeded = print_captions(
                    photos, model, options,
                    as_json=as_json, speech=speech, features=keep_features, always=always,
                )  # fmt: skip
            else:
                succeeded = write_captions(
                    photos, Path(output), model, options, flags, keep_features
                )
        if not succeeded:
            raise typer.Exit(DataError.exit_code)
