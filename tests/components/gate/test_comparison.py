import pytest

from components.gate.comparison import compare

REFERENCES = [["a red dog runs over the grass"], ["two men sit on a bench"]] * 30
RIGHT = ["a red dog runs over the grass", "two men sit on a bench"] * 30
WRONG = ["a red dog runs on the grass", "two men sit in a car"] * 30


def test_compare_better_captions_are_significantly_better() -> None:
    found = compare(RIGHT, WRONG, REFERENCES)
    assert found.bleu4 == pytest.approx(100.0)
    # 10 of 13 words, 6 of 11 pairs, 3 of 9 triples, 1 of 7 fours; as long as the references.
    assert found.champion_bleu4 == pytest.approx(100 * (10 / 13 * 6 / 11 * 3 / 9 * 1 / 7) ** 0.25)
    assert found.difference == found.bleu4 - found.champion_bleu4
    assert found.p_value < 0.01
    # The champion's score varies with how often each of its two captions is resampled.
    assert 0 < found.low < found.difference < found.high < 100
    assert "|bs:1000|" in f"|{found.signature}|" and "seed:12345" in found.signature


def test_compare_is_deterministic() -> None:
    assert compare(RIGHT, WRONG, REFERENCES) == compare(RIGHT, WRONG, REFERENCES)


def test_compare_equal_captions_do_not_differ() -> None:
    found = compare(WRONG, WRONG, REFERENCES)
    assert (found.difference, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_compare_different_captions_with_equal_scores_are_no_better() -> None:
    found = compare(["a cat", "it"] * 9, ["a hat", "it"] * 9, [["a dog"], ["he"]] * 9)
    assert (found.bleu4, found.champion_bleu4, found.p_value) == (0.0, 0.0, 1.0)


def test_compare_one_better_caption_is_not_significant() -> None:
    found = compare([RIGHT[0], *WRONG[1:]], WRONG, REFERENCES)
    assert found.difference > 0
    assert found.p_value > 0.05


def test_compare_fewer_than_ten_photos_is_not_significant() -> None:
    assert compare(RIGHT[:9], WRONG[:9], REFERENCES[:9]).p_value == 1.0
    assert compare(RIGHT[:10], WRONG[:10], REFERENCES[:10]).p_value < 0.05


def test_compare_photos_with_different_numbers_of_references() -> None:
    found = compare(["a dog runs", "a cat"], ["a dog", "a cat"], [["a dog runs", "it"], ["a cat"]])
    assert found.bleu4 >= found.champion_bleu4
