"""What a token is: the one definition, for training and scoring both.

It is data, `NORMALIZER`, so that captions, examples and bundle can tell by which rules their words
were made, and two of them be asked whether theirs are the same. Done by TensorFlow's string
operations, so that the transform graph which `normalize` saves holds it and nothing else needs it:
everything later reads that graph's output strings.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import tensorflow as tf
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from components.artifacts.files import write_json
from components.errors import DataError

NORMALIZER_FILE = "normalizer.json"

_Step = tuple[Literal["replace"], str, str] | tuple[Literal["lower", "strip"]]


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class Normalizer:
    """Makes captions of what people write: words with one space between them.

    The tokens of a caption are its normalised string split at the spaces.

    Attributes:
        steps: Done one after the other: `("lower",)`, all of Unicode's letters; `("replace",
            pattern, instead)`, all matches of a pattern of RE2; `("strip",)`, spaces at both ends.
    """

    steps: tuple[_Step, ...]

    def __call__(self, captions: tf.Tensor) -> tf.Tensor:
        """Returns normalised captions.

        Args:
            captions: Strings in UTF-8, any shape.

        Returns:
            Strings of the same shape; empty where a caption held no word.
        """
        for name, *values in self.steps:
            captions = _DONE_BY[name](captions, *values)
        return captions

    def save(self, directory: Path) -> None:
        """Writes `normalizer.json` into a directory."""
        write_json(directory / NORMALIZER_FILE, asdict(self))

    @classmethod
    def load(cls, directory: Path) -> "Normalizer":
        """Reads the `normalizer.json` of a directory.

        One that has none is of before there was such a file, and of the rules of that time.

        Raises:
            DataError: If it does not hold a normaliser.
        """
        path = directory / NORMALIZER_FILE
        if not path.exists():
            return _FIRST
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
    # ASCII first: the second operation follows the machine's language, and in Turkish "I" would
    # become another letter than "i".
    return tf.strings.lower(tf.strings.lower(captions), encoding="utf-8")


def _first_line(error: Any) -> str:
    if isinstance(error, ValidationError):
        fault = error.errors()[0]
        return f"{fault['input']!r} ({'.'.join(map(str, fault['loc']))}: {fault['msg']})"
    return str(getattr(error, "message", error))


_DONE_BY: Mapping[str, Callable[..., tf.Tensor]] = {
    "lower": _lower,
    "replace": tf.strings.regex_replace,
    "strip": tf.strings.strip,
}

# RE2 knows Unicode's categories: letters, marks (accents), decimal digits.
_FIRST = Normalizer(
    (
        ("lower",),
        # Apostrophes inside words go (`dog's` -> `dogs`), typewriter's and printer's. At a word's
        # end one would become a space anyway, so what follows is no matter.
        ("replace", r"([\p{L}\p{M}\p{Nd}])['\x{2019}]", r"\1"),
        # Each run of other characters that are no letter, mark or digit becomes one space
        # (`T-shirt` -> `t shirt`).
        ("replace", r"[^\p{L}\p{M}\p{Nd}]+", " "),
        # So does a mark with no letter to sit on (as emoji leave behind).
        ("replace", r"(^| )\p{M}+", r"\1"),
        ("replace", r" +", " "),
        ("strip",),
    )
)

#: The tradition of Show and Tell: lower case, no punctuation. Another one needs another name:
#: `_FIRST` is what artifacts without a file were made by.
NORMALIZER = _FIRST
