"""The normaliser: how captions become words, the same for training and scoring.

It is data, `NORMALIZER`, saved as `normalizer.json` with captions, examples and the bundle, so that
each of them states the rules behind its words, and two of them can be compared. It consists of
TensorFlow's string operations, so the transform graph that `normalize` saves contains all of it.

Scripts without spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) are split into
characters, each with its combining marks. Much of the literature on Chinese captions does so, and
so does sacrebleu's `zh` tokenizer. A word segmenter (jieba, MeCab, PyThaiNLP) would need a
dictionary for each language; its version would affect the words, and it can't be part of a saved
graph.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import tensorflow as tf
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from components.artifacts.files import write_json
from components.captioning.model.characters import (
    APOSTROPHES,
    INVISIBLE,
    JOINERS,
    LETTERS,
    UNSPACED_CHARACTER,
)
from components.captioning.model.html_entities import unescape_html
from components.errors import DataError, first_fault

NORMALIZER_FILE = "normalizer.json"

_SPLIT = "split_characters"
_Step = (
    tuple[Literal["replace"], str, str]
    | tuple[Literal["split_characters"], str]
    | tuple[Literal["lower", "strip", "unescape_html"]]
)


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class Normalizer:
    """Turns captions as people write them into words separated by single spaces.

    The tokens of a caption are its normalised string split at the spaces.

    Attributes:
        steps: Applied in order. `("unescape_html",)` decodes character references such as
            `&amp;`; `("lower",)` lower-cases all of Unicode's letters; `("replace", pattern,
            replacement)` replaces all matches of an RE2 pattern; `("split_characters", pattern)`
            puts spaces around each match of a pattern, one character of a script without spaces
            between words; `("strip",)` removes spaces at both ends.
    """

    steps: tuple[_Step, ...]

    def __call__(self, captions: tf.Tensor) -> tf.Tensor:
        """Returns normalised captions.

        Args:
            captions: Strings in UTF-8, any shape.

        Returns:
            Strings of the same shape; empty where a caption has no word.
        """
        for name, *values in self.steps:
            captions = _OPERATIONS[name](captions, *values)
        return captions

    def detokenize(self, caption: str) -> str:
        """Returns a normalised caption as people write it: characters that were split are joined.

        The result normalises to the same words again.

        Args:
            caption: Words with one space between them.
        """
        for name, *values in self.steps:
            if name == _SPLIT:
                (pattern,) = values
                # Twice, because the character that ends a match can't also begin the next one.
                for _ in range(2):
                    caption = tf.strings.regex_replace(caption, f"({pattern}) ({pattern})", r"\1\2")
        return caption if isinstance(caption, str) else caption.numpy().decode()

    def save(self, directory: Path) -> None:
        """Writes `normalizer.json` into a directory."""
        write_json(directory / NORMALIZER_FILE, asdict(self))

    @classmethod
    def load(cls, directory: Path) -> "Normalizer":
        """Reads the `normalizer.json` of a directory.

        Raises:
            DataError: If it is missing or does not hold a normaliser.
        """
        path = directory / NORMALIZER_FILE
        try:
            normalizer = TypeAdapter(cls).validate_json(path.read_bytes())
            normalizer(tf.constant(""))
        except (OSError, ValidationError, tf.errors.InvalidArgumentError) as error:
            raise DataError(
                f"{path} must hold a normaliser's steps, as normalize writes them. Received: "
                f"{_first_line(error)}"
            ) from error
        return normalizer


def _lower(captions: tf.Tensor) -> tf.Tensor:
    # ASCII first: the second operation depends on the machine's locale, and in a Turkish one "I"
    # would not become "i".
    return tf.strings.lower(tf.strings.lower(captions), encoding="utf-8")


def _split_characters(captions: tf.Tensor, pattern: str) -> tf.Tensor:
    return tf.strings.regex_replace(captions, f"({pattern})", r" \1 ")


def _first_line(error: Any) -> str:
    if isinstance(error, ValidationError):
        return f"{error.errors()[0]['input']!r} ({first_fault(error)})"
    return str(getattr(error, "message", error))


_OPERATIONS: Mapping[str, Callable[..., tf.Tensor]] = {
    "lower": _lower,
    "replace": tf.strings.regex_replace,
    _SPLIT: _split_characters,
    "strip": tf.strings.strip,
    "unescape_html": unescape_html,
}

# RE2 supports Unicode's categories (letters, marks, decimal digits) and scripts.

#: As in *Show and Tell* (lower case, no punctuation), extended to the scripts of Unicode.
NORMALIZER = Normalizer(
    (
        # Twice: captions that passed through two web pages say `&amp;#39;`.
        ("unescape_html",),
        ("unescape_html",),
        ("lower",),
        ("replace", f"[{APOSTROPHES}]", "'"),
        ("replace", f"[{INVISIBLE}]+", ""),
        # Removes apostrophes inside words (`dog's` -> `dogs`). At the end of a word one would
        # become a space anyway, so the pattern need not check what follows.
        ("replace", r"([\p{L}\p{M}\p{Nd}])'+", r"\1"),
        # Where letters do not join, as in Latin script, a joiner has no meaning.
        ("replace", rf"([\p{{Latin}}\p{{Nd}}])[{JOINERS}]+", r"\1"),
        # Each run of characters that are not letters, marks or digits becomes one space
        # (`T-shirt` -> `t shirt`).
        ("replace", f"[^{LETTERS}{JOINERS}]+", " "),
        ("split_characters", UNSPACED_CHARACTER),
        # Removes joiners at the edges of words, and marks without a letter (left by emoji).
        ("replace", rf"(^| )[\p{{M}}{JOINERS}]+", r"\1"),
        ("replace", f"[{JOINERS}]+( |$)", r"\1"),
        ("replace", r" +", " "),
        ("strip",),
    )
)
