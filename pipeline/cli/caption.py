"""Describes photos: `python -m pipeline.caption`.

    python -m pipeline.caption photo.jpg
    python -m pipeline.caption photo.jpg --alternatives 2 --speak
    python -m pipeline.caption FOLDER gs://bucket/photos -o captions.jsonl

Without `-o` captions are printed as they are found. With it Beam describes all photos into a file,
and the same command goes on with one that was stopped.
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from components.describing.model import DecodeOptions, Model, decode_options, open_model
from components.describing.photo_files import find_photos
from components.describing.speech import find_speech, speak
from components.errors import CaptionflowError, DataError, SettingError
from components.storage.filesystem import is_remote
from pipeline.cli.captioning import (
    DEFAULT_MODEL,
    Beam,
    Bundle,
    Name,
    Version,
    load_tensorflow,
    prepare,
)
from pipeline.cli.errors import one_line_errors, print_error, printable
from pipeline.cli.options import Root
from pipeline.config import make_settings

# So many photos that can't be described are named after a batch.
_NAMED = 10

_Photos = Annotated[
    list[str], typer.Argument(metavar="PHOTO…", help="Files or folders, local, gs:// or s3://.")
]
_Output = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Describe all into this file, a JSON object a line.",
    ),
]
_Alternatives = Annotated[int, typer.Option(help="How many next best captions to tell.", min=0)]
_Json = Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")]
_Speak = Annotated[
    bool, typer.Option("--speak", help="Also say it aloud: espeak-ng, espeak, spd-say or say.")
]
_BeamFlags = Annotated[str, typer.Option(help="With -o: flags for Beam's runner.")]


def caption(
    photos: _Photos,
    output: _Output = None,
    beam: Beam = None,
    alternatives: _Alternatives = 0,
    as_json: _Json = False,
    say: _Speak = False,
    model_name: Name = DEFAULT_MODEL,
    model_version: Version = None,
    bundle: Bundle = None,
    root: Root = Path("runs"),
    beam_flags: _BeamFlags = "",
) -> None:
    """Caption photos, for people who can't see them."""
    resume = "" if output is None else "; run the same command to continue"
    with one_line_errors(f"stopped{resume}"):
        settings = make_settings("sample", {"model_name": model_name, "beam_flags": beam_flags})
        if output is not None and (say or is_remote(output)):
            raise SettingError(
                f"--output must be a file on this machine, and goes without --speak: lines are put "
                f"to its end. Received: {output}"
            )
        speech = find_speech() if say else []
        prepare(root, needs_registry=bundle is None)
        version = None if model_version is None else str(model_version)
        with open_model(settings.model_name, version=version, bundle=bundle) as model:
            options = decode_options(model, beam, alternatives)
            if output is None:
                whole = _print(photos, model, options, as_json=as_json, speech=speech)
            else:
                whole = _write(photos, Path(output), model, options, settings.beam_flags)
        if not whole:
            raise typer.Exit(DataError.exit_code)


def _print(
    sources: list[str], model: Model, options: DecodeOptions, *, as_json: bool, speech: list[str]
) -> bool:
    photos = find_photos(sources)
    load_tensorflow()
    from components.describing.captions import caption_one_by_one, load_captioner

    whole = True
    captioner = load_captioner(model)
    for line in caption_one_by_one(captioner, photos, options):
        if as_json:
            typer.echo(json.dumps(line))
        if "error" in line:
            whole = False
            print_error(line["error"])
        elif not as_json:
            typer.echo(_shown(line, several=len(photos) > 1))
        if speech and not _speak(speech, _spoken(line, several=len(photos) > 1)):
            whole, speech = False, []
    return whole


def _speak(speech: list[str], text: str) -> bool:
    # What is printed can be read before it is said.
    sys.stdout.flush()
    try:
        speak(speech, text)
    except CaptionflowError as error:
        # The captions go on.
        print_error(str(error))
        return False
    return True


def _shown(line: Mapping[str, Any], *, several: bool) -> str:
    first = f"{printable(line['photo'])}: " if several else ""
    told = [f"{first}{line['caption'] or '(no words)'}"]
    told += [
        f"  {other['score']:.2f}  {other['caption'] or '(no words)'}"
        for other in line.get("alternatives", [])
    ]
    return "\n".join(told)


def _spoken(line: Mapping[str, Any], *, several: bool) -> str:
    name = printable(Path(line["photo"]).name)
    if "error" in line:
        return f"{name} can't be described"
    others = [other["caption"] for other in line.get("alternatives", [])]
    told = ", or: ".join([line["caption"] or "no words", *others])
    return f"{name}: {told}" if several else told


def _write(
    sources: list[str], output: Path, model: Model, options: DecodeOptions, beam_flags: str
) -> bool:
    load_tensorflow()
    from components.describing.batch import caption_to_file

    with _progress():
        outcome = caption_to_file(sources, output, model, options, beam_flags=beam_flags)
    for error in outcome.errors[:_NAMED]:
        print_error(error)
    if len(outcome.errors) > _NAMED:
        more = len(outcome.errors) - _NAMED
        print_error(f"and {more} more; all have a line with `error` in {output}")
    described = outcome.photos - len(outcome.errors)
    typer.echo(
        f"{output}: {described} of {outcome.photos} photos described "
        f"({outcome.already_done} already done); {len(outcome.errors)} failed."
    )
    return not outcome.errors


@contextmanager
def _progress() -> Iterator[None]:
    handler = logging.StreamHandler()
    own = logging.getLogger("components.describing")
    own.addHandler(handler)
    own.setLevel(logging.INFO)
    own.propagate = False
    # It writes the traceback of what is then raised, and told in a line.
    beams = logging.getLogger("apache_beam")
    level = beams.level
    beams.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        own.removeHandler(handler)
        own.propagate = True
        beams.setLevel(level)
