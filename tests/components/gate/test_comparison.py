import pytest

from components.gate.comparison import JointScore, compare

REFERENCES = [["a red dog runs over the grass"], ["two men sit on a bench"]] * 30
RIGHT = ["a red dog runs over the grass", "two men sit on a bench"] * 30
WRONG = ["a red dog runs on the grass", "two men sit in a car"] * 30


def test_compare_better_captions_are_significantly_better() -> None:
    found = compare(RIGHT, WRONG, REFERENCES)
    assert found.challenger.bleu4 == pytest.approx(100.0)
    # 10 of 13 words, 6 of 11 pairs, 3 of 9 triples, 1 of 7 fours; as long as the references.
    bleu4 = 100 * (10 / 13 * 6 / 11 * 3 / 9 * 1 / 7) ** 0.25
    assert found.champion.bleu4 == pytest.approx(bleu4)
    # A caption equal to its only reference has a cosine of 1 for each order; CIDEr-D is 10 times
    # their mean, and here times 100.
    assert found.challenger.cider_d == pytest.approx(1000.0)
    assert 0 < found.champion.cider_d < 1000
    assert found.difference == found.challenger.total - found.champion.total
    assert found.p_value < 0.01
    # The champion's score varies with how often each of its two captions is resampled.
    assert 0 < found.low < found.difference < found.high < 1100


def test_joint_score_is_the_sum_of_both() -> None:
    assert JointScore(bleu4=24.5, cider_d=54.25).total == 78.75


def test_compare_cider_d_decides_where_bleu4_is_equal() -> None:
    # Without four words in a row BLEU-4 is 0 for both; only the first names what is shown.
    found = compare(["a cat", "it"] * 15, ["a", "it"] * 15, [["a cat sits"], ["he"]] * 15)
    assert (found.challenger.bleu4, found.champion.bleu4) == (0.0, 0.0)
    assert found.difference > 0
    assert found.p_value < 0.05


def test_compare_is_deterministic() -> None:
    assert compare(RIGHT, WRONG, REFERENCES) == compare(RIGHT, WRONG, REFERENCES)


def test_compare_equal_captions_do_not_differ() -> None:
    found = compare(WRONG, WRONG, REFERENCES)
    assert (found.difference, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_compare_different_captions_with_equal_scores_are_no_better() -> None:
    found = compare(["red cat", "it"] * 9, ["red hat", "it"] * 9, [["a dog"], ["he"]] * 9)
    assert (found.challenger.total, found.champion.total, found.p_value) == (0.0, 0.0, 1.0)


def test_compare_one_better_caption_is_not_significant() -> None:
    found = compare([RIGHT[0], *WRONG[1:]], WRONG, REFERENCES)
    assert found.difference > 0
    assert found.p_value > 0.05


def test_compare_fewer_than_ten_photos_is_not_significant() -> None:
    assert compare(RIGHT[:9], WRONG[:9], REFERENCES[:9]).p_value == 1.0
    assert compare(RIGHT[:10], WRONG[:10], REFERENCES[:10]).p_value < 0.05


def test_compare_photos_with_different_numbers_of_references() -> None:
    found = compare(["a dog runs", "a cat"], ["a dog", "a cat"], [["a dog runs", "it"], ["a cat"]])
    assert found.challenger.bleu4 >= found.champion.bleu4
