"""Prints captions, and reads them aloud."""

import json
import sys
from contextlib import nullcontext

import typer

from components.describing.model import DecodeOptions, Model
from components.describing.photo_files import find_photos
from components.describing.speech import speak
from components.errors import CaptionflowError
from pipeline.cli.captioning.line_texts import line_speech, line_text
from pipeline.cli.captioning.process import load_captioner
from pipeline.cli.errors import print_error


def print_captions(
    sources: list[str],
    model: Model,
    options: DecodeOptions,
    *,
    as_json: bool,
    speech: list[str],
    always: bool,
    features: str | None = None,
) -> bool:
    """Prints the caption of each photo as soon as it is found.

    Args:
        sources: Files or folders, local or in buckets.
        model: The model's files.
        options: Decoding options.
        as_json: Whether to print JSON Lines.
        speech: Command of the speech program; empty to print only.
        always: See `sentences.as_sentence`.
        features: Folder to keep the photos' features in; None: they are not kept.

    Returns:
        Whether every photo was captioned and, if asked for, read aloud.
    """
    photos = find_photos(sources)
    captioner = load_captioner(model)
    from components.describing.captions import caption_one_by_one
    from components.describing.drift import keep_features

    succeeded = True
    several = len(photos) > 1
    with nullcontext() if features is None else keep_features(captioner, features):
        for line in caption_one_by_one(captioner, photos, options):
            if as_json:
                typer.echo(json.dumps(line))
            if "error" in line:
                succeeded = False
                print_error(line["error"])
            elif not as_json:
                typer.echo(line_text(line, several=several, always=always))
            if speech and not _speak(speech, line_speech(line, several=several, always=always)):
                succeeded, speech = False, []
    return succeeded


def _speak(speech: list[str], text: str) -> bool:
    # Show the text before it is read aloud.
    sys.stdout.flush()
    try:
        speak(speech, text)
    except CaptionflowError as error:
        # Continue without speech.
        print_error(str(error))
        return False
    return True
