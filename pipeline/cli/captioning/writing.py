"""Writes captions to a file, and prints a summary."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from components.describing.model import DecodeOptions, Model
from pipeline.cli.captioning.process import load_tensorflow
from pipeline.cli.errors import print_error

# Number of errors that are printed after a batch; the file contains all of them.
_MAX_ERRORS = 10


def write_captions(
    sources: list[str],
    output: Path,
    model: Model,
    options: DecodeOptions,
    beam_flags: str,
    features: str | None = None,
) -> bool:
    """Appends the captions of all photos that a file does not have yet, and prints a summary.

    Args:
        sources: Files or folders, local or in buckets.
        output: The JSON Lines file.
        model: The model's files.
        options: Decoding options.
        beam_flags: Flags for Beam's runner.
        features: Folder to keep the photos' features in; None: they are not kept.

    Returns:
        Whether every photo was captioned.
    """
    load_tensorflow()
    from components.describing.batch import caption_to_file

    with _log_progress():
        outcome = caption_to_file(
            sources, output, model, options, beam_flags=beam_flags, features=features
        )
    for error in outcome.errors[:_MAX_ERRORS]:
        print_error(error)
    if len(outcome.errors) > _MAX_ERRORS:
        more = len(outcome.errors) - _MAX_ERRORS
        print_error(f"and {more} more: see the lines with `error` in {output}")
    captioned = outcome.photos - len(outcome.errors)
    typer.echo(
        f"{output}: {captioned} of {outcome.photos} photos captioned "
        f"({outcome.already_done} already done); {len(outcome.errors)} failed."
    )
    return not outcome.errors


@contextmanager
def _log_progress() -> Iterator[None]:
    handler = logging.StreamHandler()
    own = logging.getLogger("components.describing")
    own.addHandler(handler)
    own.setLevel(logging.INFO)
    own.propagate = False
    # Beam logs the traceback of an error that it then raises; the error is printed in one line.
    beam = logging.getLogger("apache_beam")
    level = beam.level
    beam.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        own.removeHandler(handler)
        own.propagate = True
        beam.setLevel(level)
