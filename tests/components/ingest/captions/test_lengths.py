from components.ingest.captions.lengths import find_long_captions
from components.ingest.captions.words import Words

_WORDS = Words(
    total=1000, distinct=9, per_caption=4.0, unknown_share=0.0, unspaced_share=0.2, lengths=[0, 100]
)


def _of(*lengths: int) -> Words:
    return Words(**{**_WORDS, "lengths": list(lengths)})


def test_find_long_captions_allows_a_few() -> None:
    assert find_long_captions(_of(0, 0, 96, 4), 2) is None
    found = find_long_captions(_of(0, 0, 95, 4, 1), 2)
    # 3 words are enough for 99 of the 100.
    assert found == (5, 0.05, "words", 3, 0.99)


def test_find_long_captions_suggests_no_more_than_the_setting_allows() -> None:
    found = find_long_captions(_of(*[0] * 250, 10), 20)
    assert found == (10, 1.0, "words", 200, 0.0)


def test_find_long_captions_of_nothing_is_none() -> None:
    assert find_long_captions(_of(), 20) is None
