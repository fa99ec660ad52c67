"""Classes of English words, normalized like captions, for classifying mistakes."""

from typing import Final

_COLOURS = "black white red green yellow blue brown purple pink orange grey gray"

#: The eleven basic colour terms of English (Berlin and Kay, Basic Color Terms, 1969), grey in
#: both spellings.
COLOURS: Final = frozenset(_COLOURS.split())

_NUMBERS = "two three four five six seven eight nine ten eleven twelve"

#: Number words from two on: "one" usually means "a".
NUMBERS: Final = frozenset(_NUMBERS.split())

_FUNCTION_WORDS = """
a an the one some any each every all both another other several many few more no
this that these those there here
he she it its they them their his her him hers we us our you your i me my who whom whose
which what where when while something someone
himself herself itself themselves
am is are was were be been being do does did doing have has had having
can could will would may might must shall should
and or but nor so as if than then because not
of in on at to by for from with without into onto up down out off through
very just too also only such
"""

#: Function words, which name nothing visible: articles and quantifiers, pronouns, auxiliary verbs,
#: conjunctions, and the most common prepositions and particles. Prepositions of place (above, over,
#: inside) are content words, because they can be wrong.
FUNCTION_WORDS: Final = frozenset(_FUNCTION_WORDS.split())

#: Irregular plurals.
IRREGULAR_PLURALS: Final = {
    "men": "man",
    "women": "woman",
    "children": "child",
    "people": "person",
    "feet": "foot",
    "teeth": "tooth",
    "mice": "mouse",
    "geese": "goose",
    "wolves": "wolf",
    "knives": "knife",
    "leaves": "leaf",
}


def is_number(word: str) -> bool:
    """Returns whether a word is a number other than one, spelled out or in digits."""
    return word in NUMBERS or (word.isdecimal() and word != "1")


def is_content(word: str) -> bool:
    """Returns whether a word is a content word: a caption can be wrong about it."""
    return word not in FUNCTION_WORDS


def is_plural_of(plural: str, singular: str) -> bool:
    """Returns whether a word is the regular or irregular plural of another.

    Verb forms (`run`, `runs`) are not distinguished from plurals: they change with the number of
    the noun.
    """
    return IRREGULAR_PLURALS.get(plural) == singular or plural in (
        f"{singular}s",
        f"{singular}es",
        # bodies, body
        f"{singular[:-1]}ies" if singular.endswith("y") else "",
    )
