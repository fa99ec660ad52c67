"""Cleans captions, and drops empty and overlong ones."""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass

import regex

from components.ingest.captions.packed import PackedCaptions
from components.ingest.files.composing import compose

#: A caption is a sentence or two. COCO's longest has 250 characters.
MAX_CHARACTERS = 1_000
# Placeholders that programs write for missing values.
_MISSING = {"nan", "none", "null", "n/a"}
# Anything but control characters, direction marks, zero-width spaces and other whitespace.
_VISIBLE = regex.compile(r"[^\p{Cc}\p{Cf}\p{Cs}\p{Z}]")


@dataclass(frozen=True, slots=True)
class CleanCaptions:
    """Usable captions, and the images of dropped captions.

    Attributes:
        captions: Captions by image name, without images that have none left.
        empty: The image's name, once for each caption that has no visible character or is only a
            placeholder such as `nan` or `null`.
        too_long: The image's name, once for each caption of more than `MAX_CHARACTERS` characters.
    """

    captions: MutableMapping[str, Sequence[str]]
    empty: list[str]
    too_long: list[str]


def clean_captions(captions: Mapping[str, Sequence[str]]) -> CleanCaptions:
    """Composes each caption's Unicode (NFC), strips it, and drops empty and overlong ones.

    Repeated captions of an image are kept, because annotators may write the same caption.

    Args:
        captions: Captions by image name.

    Returns:
        The remaining captions, and what was dropped.
    """
    cleaned = PackedCaptions()
    clean = CleanCaptions(cleaned, [], [])
    for name, texts in captions.items():
        kept = []
        for text in texts:
            # split() also removes line breaks inside quoted captions.
            caption = compose(" ".join(text.split()))
            if not _VISIBLE.search(caption) or caption.lower() in _MISSING:
                clean.empty.append(name)
            elif len(caption) > MAX_CHARACTERS:
                clean.too_long.append(name)
            else:
                kept.append(caption)
        if kept == texts:
            cleaned.take(name, captions)
        elif kept:
            cleaned[name] = kept
    return clean
