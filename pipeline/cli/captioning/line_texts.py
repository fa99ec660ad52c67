"""The text that is printed or read aloud for each photo."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.describing.sentences import NO_WORDS, as_sentence, as_speech
from pipeline.cli.errors import printable


def line_text(line: Mapping[str, Any], *, several: bool, always: bool) -> str:
    """Returns a photo's caption for the screen, with its alternatives below.

    Args:
        line: An object of `captions.caption_photos` with a caption.
        several: Whether several photos are captioned, so that each needs its name.
        always: See `sentences.as_sentence`.
    """
    prefix = f"{printable(line['photo'])}: " if several else ""
    lines = [f"{prefix}{as_sentence(line, always=always)}"]
    lines += [
        f"  {other['score']:.2f}  {other['caption'] or NO_WORDS}"
        for other in line.get("alternatives", [])
    ]
    return "\n".join(lines)


def line_speech(line: Mapping[str, Any], *, several: bool, always: bool) -> str:
    """Returns a photo's caption, or that it has none, to be read aloud.

    Args:
        line: An object of `captions.caption_photos`.
        several: See `line_text`.
        always: See `sentences.as_sentence`.
    """
    name = printable(Path(line["photo"]).name)
    if "error" in line:
        return f"{name} can't be described"
    others = [other["caption"] for other in line.get("alternatives", [])]
    text = ", or: ".join([as_speech(line, always=always), *others])
    return f"{name}: {text}" if several else text
