from components.captioning.metrics.mistakes import KINDS
from components.evaluate.mistakes import count_mistakes

REFERENCES = [["a red dog runs"], ["a red dog runs"], ["two men on a bench"], ["a cat"]]
CAPTIONS = ["a red dog runs", "a blue dog runs", "two men on a horse", "a blue cat"]


def test_count_mistakes_counts_captions_of_each_kind() -> None:
    kinds = {kind.name: kind for kind in count_mistakes(CAPTIONS, REFERENCES, "en-GB")}
    assert list(kinds) == list(KINDS)
    assert (kinds["exact"].captions, kinds["exact"].share) == (1, 0.25)
    assert (kinds["colour"].captions, kinds["colour"].words) == (2, [("blue", 2)])
    assert kinds["invented"].words == [("horse", 1)]
    assert kinds["missed"].words == [("red", 1), ("bench", 1)]
    assert (kinds["short"].captions, kinds["short"].example) == (0, "")


def test_count_mistakes_gives_the_clearest_example_as_people_write_it() -> None:
    kinds = {kind.name: kind for kind in count_mistakes(CAPTIONS, REFERENCES, "en", str.title)}
    # The other caption with a wrong colour also lacks a word.
    assert kinds["colour"].example == "A Blue Cat"


def test_count_mistakes_of_another_language_is_empty() -> None:
    assert count_mistakes(["ein hund"], [["ein brauner hund rennt"]], "de") == []
    assert count_mistakes(["car"], [["red car"]], "und") == []
