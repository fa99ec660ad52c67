"""HTML character references, decoded by TensorFlow's string operations.

Captions that were scraped from web pages say `man&#39;s` and `dog &amp; cat`. The standard
library's `html.unescape` decodes them, but can't be part of a saved graph; these operations can.
"""

from functools import cache
from html.entities import html5

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

# What follows an "&": a name, or a number in base 10 or 16. Browsers accept numbers without ";".
_REFERENCE = r"(?s)^([0-9A-Za-z]{2,31};|#[0-9]{1,7};?|#[xX][0-9A-Fa-f]{1,6};?)(.*)$"
_DECIMAL_DIGITS, _HEX_DIGITS = 7, 6
_LARGEST_CODE_POINT = 0x10FFFF
_NO_CODE_POINT = 0xFFFD  # the replacement character

# In the HTML standard, the numbers 0x80 to 0x9F mean characters of Windows-1252.
_WINDOWS = tuple(
    ord(bytes([code]).decode("cp1252", errors="replace")) for code in range(0x80, 0xA0)
)


def unescape_html(captions: tf.Tensor) -> tf.Tensor:
    """Replaces HTML character references (`&eacute;`, `&#233;`, `&#xe9;`) with their characters.

    Works like `html.unescape`, with one difference: a name must end with a semicolon.

    Args:
        captions: Strings in UTF-8, any shape.

    Returns:
        Strings of the same shape. All other text is unchanged.
    """
    flat = tf.reshape(captions, [-1])  # any shape -> [N]
    parts = tf.strings.split(flat, "&")  # [N, (parts)]; only the first follows no "&"
    decoded = parts.with_flat_values(_decode(parts.flat_values))
    joined = tf.strings.reduce_join(tf.concat([parts[:, :1], decoded[:, 1:]], axis=1), axis=-1)
    return tf.reshape(joined, tf.shape(captions))  # [N] -> any shape


def _decode(parts: tf.Tensor) -> tf.Tensor:
    """Decodes the reference that each string begins with; puts "&" before those without one."""
    is_reference = tf.strings.regex_full_match(parts, _REFERENCE)
    reference = tf.where(is_reference, tf.strings.regex_replace(parts, _REFERENCE, r"\1"), "")
    rest = tf.strings.regex_replace(parts, _REFERENCE, r"\2")
    is_numeric = tf.strings.regex_full_match(reference, "#.*")
    named = _named(reference)
    character = tf.where(is_numeric, _numeric(reference), named)
    is_known = is_numeric | (named != "")
    return tf.where(is_known, character + rest, "&" + parts)


def _named(references: tf.Tensor) -> tf.Tensor:
    """Returns the characters of named references [P]; empty for unknown names."""
    fingerprints, names, characters = _names()
    # A binary search over fingerprints: a lookup table would need initialising in each graph.
    place = tf.searchsorted(tf.constant(fingerprints), _fingerprint(references))  # [P]
    place = tf.minimum(place, len(names) - 1)
    return tf.where(
        tf.gather(tf.constant(names), place) == references,
        tf.gather(tf.constant(characters), place),
        "",
    )


def _numeric(references: tf.Tensor) -> tf.Tensor:
    """Returns the characters of numeric references [P]; of others, any character."""
    digits = tf.strings.regex_replace(references, "[^0-9A-Fa-f]", "")
    is_hex = tf.strings.regex_full_match(references, "#[xX].*")
    code = tf.where(is_hex, _number(digits, 16, _HEX_DIGITS), _number(digits, 10, _DECIMAL_DIGITS))
    windows = tf.gather(tf.constant(_WINDOWS), tf.clip_by_value(code - 0x80, 0, len(_WINDOWS) - 1))
    code = tf.where((code >= 0x80) & (code < 0xA0), windows, code)
    is_character = (code > 0) & (code <= _LARGEST_CODE_POINT)
    code = tf.where(is_character, code, _NO_CODE_POINT)
    return tf.strings.unicode_encode(tf.expand_dims(code, 1), "UTF-8", errors="replace")


def _number(digits: tf.Tensor, base: int, places: int) -> tf.Tensor:
    """Returns the numbers that strings of at most `places` digits represent, int32 [P]."""
    padded = tf.strings.substr(tf.strings.join(["0" * places, digits]), -places, places)
    codes = tf.cast(tf.io.decode_raw(padded, tf.uint8, fixed_length=places), tf.int32)  # [P, D]
    values = tf.where(codes > ord("9"), (codes | 0x20) - ord("a") + 10, codes - ord("0"))
    powers = tf.constant([base**place for place in reversed(range(places))], tf.int32)
    return tf.reduce_sum(values * powers, axis=1)


def _fingerprint(texts: tf.Tensor) -> tf.Tensor:
    return tf.bitcast(tf.fingerprint(texts), tf.int64)  # [P] -> uint8 [P, 8] -> [P]


@cache
def _names() -> tuple[NDArray[np.int64], list[str], list[str]]:
    """Returns HTML's names sorted by fingerprint: fingerprints, names, characters."""
    names = sorted(name for name in html5 if name.endswith(";"))
    with tf.init_scope():  # computed once, even while a graph is being traced
        fingerprints = _fingerprint(tf.constant(names)).numpy()
    order = np.argsort(fingerprints)
    ordered = [names[index] for index in order]
    return fingerprints[order], ordered, [html5[name] for name in ordered]
