import pytest

from components.analysis.mistakes import KINDS, find_mistakes

DOGS = (
    "two brown dogs run through the snow",
    "two dogs are running in deep snow",
    "brown dogs play in the snow",
)


def test_find_errors_of_a_reference_word_for_word() -> None:
    assert find_mistakes(DOGS[1], DOGS) == {"exact": ()}


def test_find_errors_of_other_words_with_nothing_amiss() -> None:
    # All its content words are in some reference, and those of two of the three (two, brown,
    # dogs, snow) are in it.
    assert find_mistakes("two brown dogs are in snow", DOGS) == {"reworded": ()}


def test_find_errors_tells_apart_colour_number_and_invented_words() -> None:
    caption = "three brown dogs and a white cat sit in the snow"
    assert find_mistakes(caption, DOGS) == {
        "colour": ("white",),
        "number": ("three",),
        "invented": ("cat", "sit"),
        "missed": ("two",),
    }


@pytest.mark.parametrize(
    ("caption", "references", "word"),
    [
        ("two dogs", ["two dog"], "dogs"),
        ("a dog runs", ["a dog run"], "runs"),
        ("the man", ["the men"], "man"),
        ("a fox", ["foxes"], "fox"),
        ("a bodies", ["a body"], "bodies"),
        ("a dog 3", ["a dog"], "3"),
    ],
)
def test_find_errors_of_one_for_several_are_of_number_and_miss_nothing(
    caption: str, references: list[str], word: str
) -> None:
    assert find_mistakes(caption, references) == {"number": (word,)}


def test_find_errors_takes_one_for_an_article() -> None:
    assert find_mistakes("one dog", ["a dog"]) == {"reworded": ()}


def test_find_errors_misses_only_what_more_than_half_of_the_references_say() -> None:
    # "brown" is in two of four references, "dog" in three.
    references = ["a brown dog", "a brown dog", "a dog", "an animal"]
    assert find_mistakes("an animal here", references) == {"missed": ("dog",)}


def test_find_errors_repeated_in_a_row() -> None:
    errors = find_mistakes("a man in the in the water water", ["a man in the water"])
    assert errors == {"repeated": ("water", "in the")}


def test_find_errors_repeated_apart_is_what_bleu_clips() -> None:
    one, two = "a star in a red star", "a red star"
    assert find_mistakes("a star and a red star", [two]) == {"repeated": ("star",)}
    # A reference says it as often.
    assert find_mistakes("a star and a red star", [one, two]) == {"reworded": ()}


def test_find_errors_repeated_as_a_reference_repeats_is_none() -> None:
    assert find_mistakes("a tuk tuk", ["the blue tuk tuk", "one tuk tuk"]) == {"reworded": ()}


@pytest.mark.parametrize(
    ("caption", "short"),
    [("", True), ("dog", True), ("a dog", False)],
)
def test_find_errors_short_of_half_the_median_reference(caption: str, short: bool) -> None:
    # Of 3, 4 and 9 words: the median is 4, its half 2.
    references = ["a dog runs", "this is a dog", "a dog and one more dog are out there"]
    assert ("short" in find_mistakes(caption, references)) is short


def test_find_errors_in_the_order_of_kinds() -> None:
    errors = find_mistakes("cat cat red two", ["a dog and a dog and many more of them are here"])
    assert list(errors) == ["colour", "number", "invented", "missed", "repeated", "short"]
    assert list(errors) == list(KINDS)[2:]


def test_find_errors_without_a_reference_is_refused() -> None:
    with pytest.raises(ValueError, match=r"with references\. Received: none"):
        find_mistakes("a dog", [])
