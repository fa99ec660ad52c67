"""Captions as people wrote them, without those that say nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import regex

from components.ingest.files.composing import compose

#: A caption is a sentence or two. COCO's longest has 250 characters.
MAX_CHARACTERS = 1_000
# What programs write where there is no caption.
_MISSING = {"nan", "none", "null", "n/a"}
# Not a control character, a mark of direction, a zero-width space, or another space.
_VISIBLE = regex.compile(r"[^\p{Cc}\p{Cf}\p{Cs}\p{Z}]")


@dataclass(frozen=True, slots=True)
class CleanCaptions:
    """Captions that can be used, and image names of those that can't.

    Attributes:
        captions: By image name; images with none left are not in it.
        empty: The image's name, once for each caption without a visible character, or that
            says only `nan` or `null`.
        too_long: The image's name, once for each caption of more than `MAX_CHARACTERS`.
    """

    captions: dict[str, tuple[str, ...]]
    empty: list[str]
    too_long: list[str]


def clean_captions(captions: Mapping[str, Sequence[str]]) -> CleanCaptions:
    """Composes each caption's Unicode (NFC), strips it, and drops empty and overlong ones.

    The same words twice for one image stay: people do write the same.

    Args:
        captions: By image name.

    Returns:
        What is left, and what was dropped.
    """
    clean = CleanCaptions({}, [], [])
    for name, texts in captions.items():
        kept = []
        for text in texts:
            # split() takes line breaks inside quoted captions too.
            caption = compose(" ".join(text.split()))
            if not _VISIBLE.search(caption) or caption.lower() in _MISSING:
                clean.empty.append(name)
            elif len(caption) > MAX_CHARACTERS:
                clean.too_long.append(name)
            else:
                kept.append(caption)
        if kept:
            clean.captions[name] = tuple(kept)
    return clean
