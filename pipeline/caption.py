"""Describes photos: `python -m pipeline.caption`.

    python -m pipeline.caption photo.jpg
    python -m pipeline.caption photo.jpg --alternatives 2 --speak
    python -m pipeline.caption FOLDER gs://bucket/photos -o captions.jsonl

Without `-o` captions are printed as they are found. With it Beam describes all photos into a file,
and the same command goes on with one that was stopped.
"""

import json
import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image

from components.describing.model import Asked, Model, open_model, what_to_ask
from components.describing.photo_files import find_photos
from components.describing.speech import find_speech, speak
from components.platform.errors import CaptionflowError, DataError, SettingError
from components.platform.memory import keep_freed_memory
from components.platform.storage import is_remote
from pipeline.config import Settings, make_settings
from pipeline.surroundings import set_environment

_INTERRUPTED = 130
# So many photos that can't be described are named after a batch.
_NAMED = 10
_MODEL: str = Settings.model_fields["model_name"].default

_Photos = Annotated[list[str], typer.Argument(metavar="PHOTO…", help="Files or folders, or gs://.")]
_Output = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Describe all into this file, a JSON object a line.",
    ),
]
_Beam = Annotated[
    int | None,
    typer.Option(
        help="Captions searched at once; 1 is greedy.", min=1, max=100, show_default="the model's"
    ),
]
_Alternatives = Annotated[int, typer.Option(help="How many next best captions to tell.", min=0)]
_Json = Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")]
_Speak = Annotated[
    bool, typer.Option("--speak", help="Also say it aloud: espeak-ng, espeak, spd-say or say.")
]
_Name = Annotated[str, typer.Option(help="The registered model.")]
_Version = Annotated[
    int | None, typer.Option(help="Its version.", min=1, show_default="the champion")
]
_Bundle = Annotated[
    Path | None, typer.Option(help="Folder of a model, taken instead of a registered one.")
]
_Root = Annotated[
    Path, typer.Option(help="The work folder of the runs, unless MLFLOW_TRACKING_URI is set.")
]
_BeamFlags = Annotated[str, typer.Option(help="With -o: flags for Beam's runner.")]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    photos: _Photos,
    output: _Output = None,
    beam: _Beam = None,
    alternatives: _Alternatives = 0,
    as_json: _Json = False,
    say: _Speak = False,
    model_name: _Name = _MODEL,
    model_version: _Version = None,
    bundle: _Bundle = None,
    root: _Root = Path("runs"),
    beam_flags: _BeamFlags = "",
) -> None:
    """Describes photos, for people who can't see them."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        settings = make_settings("sample", {"model_name": model_name, "beam_flags": beam_flags})
        if output is not None and (say or is_remote(output)):
            raise SettingError(
                f"--output must be a file on this machine, and goes without --speak: lines are put "
                f"to its end. Received: {output}"
            )
        speech = find_speech() if say else []
        _prepare(root, needs_registry=bundle is None)
        version = None if model_version is None else str(model_version)
        with open_model(settings.model_name, version=version, bundle=bundle) as model:
            asked = what_to_ask(model, beam, alternatives)
            if output is None:
                whole = _print(photos, model, asked, as_json=as_json, speech=speech)
            else:
                whole = _write(photos, Path(output), model, asked, settings.beam_flags)
    except CaptionflowError as error:
        _complain(str(error))
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        goes_on = "" if output is None else "; run the same command to go on from here"
        _complain(f"stopped{goes_on}")
        raise typer.Exit(_INTERRUPTED) from None
    if not whole:
        raise typer.Exit(DataError.exit_code)


def _prepare(root: Path, *, needs_registry: bool) -> None:
    if needs_registry:
        set_environment(root)
    # Libraries' notes on their own start tell a user nothing.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Photos with too many pixels are told by us, in one line.
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    keep_freed_memory()


def _load_tensorflow() -> None:
    """Loads TensorFlow, without what its libraries write of GPUs that are not there.

    They write past Python, whatever the log level is. A screen reader would read it all.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import tensorflow as tf

        # To look for devices is the last that they have something to say about.
        tf.config.list_physical_devices()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _print(
    sources: list[str], model: Model, asked: Asked, *, as_json: bool, speech: list[str]
) -> bool:
    photos = find_photos(sources)
    _load_tensorflow()
    from components.describing.saying import make_describer, say_one_by_one

    whole = True
    describer = make_describer(model)
    for line in say_one_by_one(describer, photos, asked):
        if as_json:
            typer.echo(json.dumps(line))
        if "error" in line:
            whole = False
            _complain(line["error"])
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
        _complain(str(error))
        return False
    return True


def _shown(line: Mapping[str, Any], *, several: bool) -> str:
    first = f"{_printable(line['photo'])}: " if several else ""
    told = [f"{first}{line['caption'] or '(no words)'}"]
    told += [
        f"  {other['score']:.2f}  {other['caption'] or '(no words)'}"
        for other in line.get("alternatives", [])
    ]
    return "\n".join(told)


def _spoken(line: Mapping[str, Any], *, several: bool) -> str:
    name = _printable(Path(line["photo"]).name)
    if "error" in line:
        return f"{name} can't be described"
    others = [other["caption"] for other in line.get("alternatives", [])]
    told = ", or: ".join([line["caption"] or "no words", *others])
    return f"{name}: {told}" if several else told


def _write(sources: list[str], output: Path, model: Model, asked: Asked, beam_flags: str) -> bool:
    _load_tensorflow()
    from components.describing.batch import caption_to_file

    with _progress():
        outcome = caption_to_file(sources, output, model, asked, beam_flags=beam_flags)
    for error in outcome.errors[:_NAMED]:
        _complain(error)
    if len(outcome.errors) > _NAMED:
        more = len(outcome.errors) - _NAMED
        _complain(f"and {more} more; all have a line with `error` in {output}")
    described = outcome.photos - len(outcome.errors)
    typer.echo(
        f"{output}: {described} of {outcome.photos} photos described, {outcome.before} of them "
        f"before; {len(outcome.errors)} can't be"
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


def _complain(message: str) -> None:
    typer.echo(f"captionflow: {_printable(' '.join(message.split()))}", err=True)


def _printable(text: str) -> str:
    # A file's name may hold what would command the terminal, or is no text at all.
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


if __name__ == "__main__":
    app()
