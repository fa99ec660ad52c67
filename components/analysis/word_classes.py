"""Classes of English words, normalised as captions are, by which errors are told apart."""

from typing import Final

_COLOURS = "black white red green yellow blue brown purple pink orange grey gray"

#: The eleven basic colour terms of English (Berlin and Kay, Basic Color Terms, 1969), grey in
#: both spellings.
COLOURS: Final = frozenset(_COLOURS.split())

_NUMBERS = "two three four five six seven eight nine ten eleven twelve"

#: Number words from two on: "one" is mostly another word for "a".
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

#: Words of the closed classes, which hold a sentence together and name nothing to be seen:
#: articles and quantifiers, pronouns, auxiliary verbs, conjunctions, and the prepositions and
#: particles of widest use. Those that say where something is (above, over, inside) are not here:
#: they can be wrong.
FUNCTION_WORDS: Final = frozenset(_FUNCTION_WORDS.split())

#: Plurals that no ending makes.
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
    """Returns whether a word is a number from two on, as a word or in digits."""
    return word in NUMBERS or (word.isdecimal() and word != "1")


def is_content(word: str) -> bool:
    """Returns whether a word names something that can be seen, or not."""
    return word not in FUNCTION_WORDS


def is_plural_of(plural: str, singular: str) -> bool:
    """Returns whether a word is the plural of another, by its ending or as an irregular one.

    A verb's forms (`run`, `runs`) look the same and count as well: they go with the noun's.
    """
    return IRREGULAR_PLURALS.get(plural) == singular or plural in (
        f"{singular}s",
        f"{singular}es",
        # bodies, body
        f"{singular[:-1]}ies" if singular.endswith("y") else "",
    )
