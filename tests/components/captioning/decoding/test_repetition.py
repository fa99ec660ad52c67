import pytest

from components.captioning.decoding.repetition import repeats

TRAIN = [("a man in red and a man in blue", "a very very wide road"), ("two dogs",)]


@pytest.mark.parametrize(
    "caption",
    [
        "above above above",
        "a dog dog runs",
        "a dog in a in a",
        "a dog runs and a dog runs",
        "very very very very wide",
        "( (",
    ],
)
def test_repeats_of_a_caption_that_repeats_itself(caption: str) -> None:
    assert repeats(caption, TRAIN)


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "dog",
        "a dog and a cat",
        "a dog in the sea in the sun",
        "a very very old dog",
        "a man in green and a man in white",
    ],
)
def test_repeats_of_a_caption_as_people_write_them(caption: str) -> None:
    assert not repeats(caption, TRAIN)


def test_repeats_compares_whole_words() -> None:
    assert repeats("go go", [("ego goal", "go gone")])
