"""What a token is: the one definition, for training and scoring both.

Written in TensorFlow's string operations, so that the transform graph which `normalize` saves
holds it and nothing else needs it: everything later reads that graph's output strings.
"""

import tensorflow as tf

# Patterns of RE2, which knows Unicode's categories: letters, marks (accents), decimal digits.
_WORD_CHARACTER = r"[\p{L}\p{M}\p{Nd}]"
_APOSTROPHE_AFTER_CHARACTER = rf"({_WORD_CHARACTER})['\x{{2019}}]"
_BETWEEN_WORDS = r"[^\p{L}\p{M}\p{Nd}]+"
_MARKS_WITHOUT_LETTER = r"(^| )\p{M}+"


def normalize(captions: tf.Tensor) -> tf.Tensor:
    """Returns captions as lower-case words with one space between them.

    The tradition of Show and Tell: lower case, no punctuation. Step by step:

    1. Lower case, in all of Unicode.
    2. Apostrophes inside words go (`dog's` -> `dogs`), typewriter's and printer's.
    3. Each run of other characters that are no letter, mark or digit becomes one space
       (`T-shirt` -> `t shirt`); so does a mark with no letter to sit on (as emoji leave behind).
    4. Spaces at both ends go.

    The tokens of a caption are its normalised string split at the spaces.

    Args:
        captions: Strings in UTF-8, any shape.

    Returns:
        Strings of the same shape; empty where a caption held no word.
    """
    # ASCII first: the second operation follows the machine's language, and in Turkish "I"
    # would become another letter than "i".
    text = tf.strings.lower(tf.strings.lower(captions), encoding="utf-8")
    # At a word's end the apostrophe would become a space anyway, so what follows is no matter.
    text = tf.strings.regex_replace(text, _APOSTROPHE_AFTER_CHARACTER, r"\1")
    text = tf.strings.regex_replace(text, _BETWEEN_WORDS, " ")
    text = tf.strings.regex_replace(text, _MARKS_WITHOUT_LETTER, r"\1")
    return tf.strings.strip(tf.strings.regex_replace(text, " +", " "))
