"""Characters that define what a word is, for use inside a regular expression's `[...]`.

The syntax is common to RE2 (TensorFlow) and `regex`, so that the normalizer and the word counts,
which need no TensorFlow, split captions in the same way.
"""

#: Grave and acute accent, quotation marks, primes, modifier letters, and those of Greek, Armenian,
#: Hebrew and full width: all are typed as apostrophes.
APOSTROPHES = (
    "`\u00b4\u02b9\u02bb\u02bc\u02bd\u02c8\u02ca\u02cb\u055a\u05f3\u1fbd\u1fbf\u1fef\u1ffd\u2018"
    "\u2019\u201b\u2032\u2035\uff07\uff40"
)

#: Soft hyphen, byte order mark, word joiner, direction marks, variation selectors, the keycap of
#: emoji and the Arabic tatweel, which stretches words: they change how a word looks, not which
#: word it is.
INVISIBLE = (
    "\u00ad\u034f\u061c\u0640\u180b-\u180f\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    "\u20e3\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff"
)

#: Zero-width non-joiner and joiner: part of the spelling in Persian and Indic scripts.
JOINERS = "\u200c\u200d"

#: Letters, their marks, decimal digits, and the ideographic zero, which has another category.
LETTERS = r"\p{L}\p{M}\p{Nd}" + "\u3007"

#: Scripts without spaces between words. The long vowel mark of Japanese belongs to no script.
UNSPACED = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
    "\u30fc\uff70"
)

#: One character of these scripts with its marks, as a whole regular expression. The vowel signs AM
#: of Thai and Lao are letters in Unicode, but belong to the letter before them.
UNSPACED_CHARACTER = rf"[{UNSPACED}][\p{{M}}" + "\u0e33\u0eb3]*"
