import pytest

from components.analysis.word_classes import (
    COLOURS,
    FUNCTION_WORDS,
    NUMBERS,
    is_content,
    is_number,
    is_plural_of,
)


def test_classes_share_no_word() -> None:
    assert not COLOURS & NUMBERS
    assert not FUNCTION_WORDS & (COLOURS | NUMBERS)


def test_colours_are_the_eleven_basic_ones_with_grey_spelt_twice() -> None:
    assert len(COLOURS) == 12


@pytest.mark.parametrize(
    ("word", "number"), [("two", True), ("12", True), ("one", False), ("1", False), ("dog", False)]
)
def test_is_number_from_two_on(word: str, number: bool) -> None:
    assert is_number(word) is number


@pytest.mark.parametrize("word", ["dog", "above", "red", "two", "running", "inside"])
def test_is_content_of_what_can_be_wrong(word: str) -> None:
    assert is_content(word)


@pytest.mark.parametrize("word", ["a", "is", "in", "and", "it"])
def test_is_content_not_of_what_holds_a_sentence_together(word: str) -> None:
    assert not is_content(word)


@pytest.mark.parametrize(
    ("plural", "singular"),
    [("dogs", "dog"), ("boxes", "box"), ("bodies", "body"), ("men", "man"), ("people", "person")],
)
def test_is_plural_of_its_singular_alone(plural: str, singular: str) -> None:
    assert is_plural_of(plural, singular)
    assert not is_plural_of(singular, plural)
    assert not is_plural_of(plural, "cat")
