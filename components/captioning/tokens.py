"""What a token is: the one definition, for training and scoring both.

It is data (`NORMALIZER`), so that a bundle can hold the rules that its words came from, and two
models can be asked whether theirs are the same. Applied in TensorFlow's string operations, so that
the transform graph which `normalize` saves holds it and nothing else needs it: everything later
reads that graph's output strings.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import tensorflow as tf
from pydantic import TypeAdapter, ValidationError

from components.platform.artifacts import write_json
from components.platform.errors import DataError

NORMALIZER_FILE = "normalizer.json"

# Patterns of RE2, which knows Unicode's categories: letters, marks (accents), decimal digits.
_WORD_CHARACTER = r"[\p{L}\p{M}\p{Nd}]"


@dataclass(frozen=True, slots=True)
class Normalizer:
    """Makes captions of what people write: words with one space between them.

    The tokens of a caption are its normalised string split at the spaces.

    Attributes:
        case: Which letters become lower case first: all of Unicode's.
        replaced: Patterns of RE2, each with what takes the place of all its matches, one after
            the other.
        stripped: Whether spaces at both ends go at last.
    """

    case: Literal["unicode"]
    replaced: tuple[tuple[str, str], ...]
    stripped: Literal[True] = True

    def __call__(self, captions: tf.Tensor) -> tf.Tensor:
        """Returns normalised captions.

        Args:
            captions: Strings in UTF-8, any shape.

        Returns:
            Strings of the same shape; empty where a caption held no word.
        """
        # ASCII first: the second operation follows the machine's language, and in Turkish "I"
        # would become another letter than "i".
        text = tf.strings.lower(tf.strings.lower(captions), encoding="utf-8")
        for pattern, instead in self.replaced:
            text = tf.strings.regex_replace(text, pattern, instead)
        return tf.strings.strip(text)

    def save(self, directory: Path) -> None:
        """Writes `normalizer.json` into a directory."""
        write_json(directory / NORMALIZER_FILE, asdict(self))

    @classmethod
    def load(cls, directory: Path) -> "Normalizer":
        """Reads the `normalizer.json` of a directory; the first bundles have none, and its rules.

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
            raise DataError(f"{path} must hold a normaliser of captions: {error}") from error
        return normalizer


# Bundles without a file were made by these, whatever `NORMALIZER` becomes.
_FIRST = Normalizer(
    case="unicode",
    replaced=(
        # Apostrophes inside words go (`dog's` -> `dogs`), typewriter's and printer's. At a word's
        # end one would become a space anyway, so what follows is no matter.
        (rf"({_WORD_CHARACTER})['\x{{2019}}]", r"\1"),
        # Each run of other characters that are no letter, mark or digit becomes one space
        # (`T-shirt` -> `t shirt`).
        (r"[^\p{L}\p{M}\p{Nd}]+", " "),
        # So does a mark with no letter to sit on (as emoji leave behind).
        (r"(^| )\p{M}+", r"\1"),
        (r" +", " "),
    ),
)

#: The tradition of Show and Tell: lower case, no punctuation.
NORMALIZER = _FIRST
