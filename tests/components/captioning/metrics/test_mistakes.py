import pytest

from components.captioning.metrics.mistakes import KINDS, find_mistakes

DOGS = (
    "two brown dogs run through the snow",
    "two dogs are running in deep snow",
    "brown dogs play in the snow",
)


def test_find_mistakes_of_a_reference_is_exact() -> None:
    assert find_mistakes(DOGS[1], DOGS) == {"exact": ()}


def test_find_mistakes_of_a_reworded_caption_without_mistakes() -> None:
    # All its content words are in some reference, and it has those of two of the three references
    # (two, brown, dogs, snow).
    assert find_mistakes("two brown dogs are in snow", DOGS) == {"reworded": ()}


def test_find_mistakes_distinguishes_colour_number_and_invented_words() -> None:
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
def test_find_mistakes_of_a_singular_for_a_plural_is_a_number_mistake_only(
    caption: str, references: list[str], word: str
) -> None:
    assert find_mistakes(caption, references) == {"number": (word,)}


def test_find_mistakes_treats_one_as_an_article() -> None:
    assert find_mistakes("one dog", ["a dog"]) == {"reworded": ()}


def test_find_mistakes_missed_needs_more_than_half_of_the_references() -> None:
    # "brown" is in two of four references, "dog" in three.
    references = ["a brown dog", "a brown dog", "a dog", "an animal"]
    assert find_mistakes("an animal here", references) == {"missed": ("dog",)}


def test_find_mistakes_repeated_immediately() -> None:
    mistakes = find_mistakes("a man in the in the water water", ["a man in the water"])
    assert mistakes == {"repeated": ("water", "in the")}


def test_find_mistakes_repeated_elsewhere_is_what_bleu_clips() -> None:
    one, two = "a star in a red star", "a red star"
    assert find_mistakes("a star and a red star", [two]) == {"repeated": ("star",)}
    # A reference has it as often.
    assert find_mistakes("a star and a red star", [one, two]) == {"reworded": ()}


def test_find_mistakes_repeated_as_in_a_reference_is_no_mistake() -> None:
    assert find_mistakes("a tuk tuk", ["the blue tuk tuk", "one tuk tuk"]) == {"reworded": ()}


@pytest.mark.parametrize(
    ("caption", "short"),
    [("", True), ("dog", True), ("a dog", False)],
)
def test_find_mistakes_short_of_half_the_median_reference(caption: str, short: bool) -> None:
    # Lengths 3, 4 and 9: the median is 4, half of it 2.
    references = ["a dog runs", "this is a dog", "a dog and one more dog are out there"]
    assert ("short" in find_mistakes(caption, references)) is short


def test_find_mistakes_are_in_the_order_of_kinds() -> None:
    mistakes = find_mistakes("cat cat red two", ["a dog and a dog and many more of them are here"])
    assert list(mistakes) == ["colour", "number", "invented", "missed", "repeated", "short"]
    assert list(mistakes) == list(KINDS)[2:]


def test_find_mistakes_without_a_reference_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at least one reference\. Received: none"):
        find_mistakes("a dog", [])
