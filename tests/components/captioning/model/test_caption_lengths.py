from components.captioning.model.caption_lengths import explain_long_captions, find_long_captions


def test_find_long_captions_allows_a_few() -> None:
    assert find_long_captions([0, 0, 96, 4], 0.2, 2) is None
    # 3 words are enough for 99 of the 100.
    assert find_long_captions([0, 0, 95, 4, 1], 0.2, 2) == (5, 0.05, "words", 3, 0.99)


def test_find_long_captions_suggests_no_more_than_the_setting_allows() -> None:
    found = find_long_captions([0] * 250 + [10], 0.2, 20)
    assert found == (10, 1.0, "words", 200, 0.0)


def test_find_long_captions_of_nothing_is_none() -> None:
    assert find_long_captions([], 0.0, 20) is None


def test_explain_long_captions_names_numbers_unit_and_flag() -> None:
    # Of 100 captions, 5 have more than 20 words, and 1 of these has 30.
    text = explain_long_captions([0] * 10 + [95] + [0] * 10 + [4] + [0] * 8 + [1], 0.0, 20)
    for fact in ("5% of the captions (5)", "20 words", "--max-words 21", "99% of them"):
        assert fact in text
    assert "characters" not in text
    assert explain_long_captions([0] * 20 + [9], 0.0, 20) == ""


def test_explain_long_captions_at_the_highest_limit_suggests_no_other() -> None:
    lengths = [0] * 250 + [10]
    assert "--max-words 200" in explain_long_captions(lengths, 0.0, 199)
    text = explain_long_captions(lengths, 0.0, 200)
    assert "100% of the captions (10) have more than 200 words" in text
    assert "--max-words" not in text


def test_explain_long_captions_of_a_script_without_spaces_counts_characters() -> None:
    text = explain_long_captions([0] * 33 + [10], 0.98, 20)
    for fact in ("100% of the captions (10)", "20 characters", "--max-words 33", "no spaces"):
        assert fact in text
