"""Captions as sentences for people, with the certainty of the model."""

from collections.abc import Mapping
from typing import Any

from components.captioning.inference.confidence import Doubt

NO_WORDS = "(no words)"
#: Before a caption that the model is not sure of.
NOT_SURE = "Not sure what this shows. It may be: "


def as_sentence(line: Mapping[str, Any], *, always: bool) -> str:
    """Returns a caption for the screen.

    Args:
        line: An object of `captions.caption_photos` with a caption.
        always: Whether to give the caption like any other if the model is not sure of it.
    """
    caption = line["caption"] or NO_WORDS
    if always or "doubt" not in line:
        return f"{caption} ({line['certainty']})"
    # `IMPROBABLE` would only repeat the beginning of the sentence.
    reason = "" if line["doubt"] == Doubt.IMPROBABLE else f". {line['doubt']}"
    return f"{NOT_SURE}{caption}{reason}"


def as_speech(line: Mapping[str, Any], *, always: bool) -> str:
    """Returns a caption to read aloud; only doubts are read with it.

    Args:
        line: As for `as_sentence`.
        always: As for `as_sentence`.
    """
    caption = line["caption"] or "no words"
    if "doubt" not in line:
        return caption
    return (
        f"{caption}, not sure"
        if always
        else as_sentence({**line, "caption": caption}, always=False)
    )
