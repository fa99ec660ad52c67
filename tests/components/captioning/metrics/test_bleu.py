import pytest

from components.captioning.metrics.bleu import corpus_bleu, sentence_bleu


def _scores(hypotheses: list[str], references: list[list[str]]) -> list[float]:
    scores = corpus_bleu(hypotheses, references).scores
    return [scores[name] for name in ("bleu1", "bleu2", "bleu3", "bleu4")]


def test_corpus_bleu_perfect_caption() -> None:
    assert _scores(["a dog runs fast"], [["a dog runs fast"]]) == pytest.approx([100] * 4)


def test_corpus_bleu_clips_repeated_words() -> None:
    # The example of Papineni et al.: "the" occurs twice in one reference and once in the other; the
    # larger count is used. Unigrams 2 of 7; bigrams none, since "the the" is in no reference.
    # Length 7, closest reference 7 ("there is a cat on the mat"): no penalty.
    hypothesis = "the the the the the the the"
    references = ["the cat is on the mat", "there is a cat on the mat"]
    assert _scores([hypothesis], [references]) == pytest.approx([100 * 2 / 7, 0, 0, 0])


def test_corpus_bleu_does_not_add_up_counts_of_references() -> None:
    # "dog" occurs once in each of two references: one "dog" of two matches.
    # Length 2, both references 2: no penalty. Unigrams 1 of 2, bigrams 0 of 1.
    assert _scores(["dog dog"], [["a dog", "the dog"]]) == pytest.approx([50, 0, 0, 0])


def test_corpus_bleu_brevity_penalty_takes_closest_reference() -> None:
    # Lengths: caption 5, references 2 and 6; the closest is 6, not the shortest or the mean (4).
    # All n-grams match, so each score is the penalty: exp(1 - 6 / 5) = 0.818731.
    references = ["a b", "a b c d e f"]
    assert _scores(["a b c d e"], [references]) == pytest.approx([81.8731] * 4, abs=1e-4)


def test_corpus_bleu_brevity_penalty_takes_shorter_of_equally_close_references() -> None:
    # Lengths: caption 4, references 3 and 5, both one away: 3 is used, so there is no penalty.
    assert _scores(["a b c d"], [["a b c d e", "a b c"]]) == pytest.approx([100] * 4)


def test_corpus_bleu_of_a_long_caption_has_no_brevity_penalty() -> None:
    # Unigrams 4 of 5, bigrams 3 of 4, trigrams 2 of 3, 4-grams 1 of 2.
    # BLEU-2 = sqrt(4/5 * 3/4) = sqrt(3/5) = 0.774597
    # BLEU-3 = cube root of (3/5 * 2/3) = 0.4 ** (1/3) = 0.736806
    # BLEU-4 = fourth root of (2/5 * 1/2) = 0.2 ** (1/4) = 0.668740
    expected = [80, 77.4597, 73.6806, 66.8740]
    assert _scores(["a b c d x"], [["a b c d"]]) == pytest.approx(expected, abs=1e-4)


def test_corpus_bleu_pools_counts_over_photos() -> None:
    # image 1: unigrams 5/5; bigrams 3/4 (not "on grass"); trigrams 2/3; 4-grams 1/2; 5 of 6 words
    # image 2: unigrams 2/2; bigrams 1/1; none longer; 2 of 3 words
    # pooled:  7/7, 4/5, 2/3, 1/2; penalty exp(1 - 9 / 7) = 0.751477
    # BLEU-2 = 0.751477 * sqrt(4/5)              = 0.751477 * 0.894427 = 0.672142
    # BLEU-3 = 0.751477 * (4/5 * 2/3) ** (1/3)   = 0.751477 * 0.810961 = 0.609419
    # BLEU-4 = 0.751477 * (8/15 * 1/2) ** (1/4)  = 0.751477 * 0.718609 = 0.540018
    # (The mean of sentence BLEU-4 would be half of the first: the second has no 4-gram.)
    hypotheses = ["a dog runs on grass", "two cats"]
    references = [["a dog runs on the grass"], ["two cats sleep"]]
    expected = [75.1477, 67.2142, 60.9419, 54.0018]
    assert _scores(hypotheses, references) == pytest.approx(expected, abs=1e-4)


def test_corpus_bleu_pools_lengths_before_the_penalty() -> None:
    # 6 words for a reference of 4, 2 words for one of 4: 8 for 8, so there is no penalty.
    # Unigrams 4/6 and 2/2: 6/8. Bigrams 3/5 and 1/1: 4/6, BLEU-2 = sqrt(3/4 * 2/3) = 0.707107.
    scores = _scores(["a b c d x y", "e f"], [["a b c d"], ["e f g h"]])
    assert scores[:2] == pytest.approx([75, 70.7107], abs=1e-4)


@pytest.mark.parametrize(
    ("hypothesis", "expected"),
    [
        ("a b c", [100, 100, 100, 0]),  # too short for a 4-gram
        ("a b x c d", [80, 63.2456, 0, 0]),  # no trigram matches; sqrt(4/5 * 2/4) = 0.632456
        ("x y", [0, 0, 0, 0]),
        ("", [0, 0, 0, 0]),
    ],
)
def test_corpus_bleu_without_a_matching_ngram_is_zero(
    hypothesis: str, expected: list[float]
) -> None:
    # A reference is as long as the caption, or all are shorter, so there is no penalty.
    references = ["z z", "a b c", "a b c d z"]
    assert _scores([hypothesis], [references]) == pytest.approx(expected, abs=1e-4)


def test_corpus_bleu_with_a_varying_number_of_references() -> None:
    # image 1: "a dog" has two references; image 2: "a cat" has one: 3/4 unigrams (not "cat").
    # Bigrams 1/2: BLEU-2 = sqrt(3/4 * 1/2) = 0.612372. Lengths 4 and 4.
    result = corpus_bleu(["a dog", "a cat"], [["the dog", "a dog"], ["a bird"]])
    assert result.scores["bleu1"] == pytest.approx(75)
    assert result.scores["bleu2"] == pytest.approx(61.2372, abs=1e-4)
    assert result.signature.startswith("nrefs:var|")


def test_corpus_bleu_does_not_tokenize() -> None:
    # Case and punctuation are kept: "Dog" and "dog." are different words from "dog".
    assert _scores(["a Dog dog. dog"], [["a dog dog dog"]])[0] == pytest.approx(50)


def test_corpus_bleu_signature_describes_the_computation() -> None:
    fields = corpus_bleu(["a dog"], [["a dog", "one dog"]]).signature.split("|")
    assert fields[:5] == ["nrefs:2", "case:mixed", "eff:no", "tok:none", "smooth:none"]
    assert fields[5].startswith("version:")


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        ([], [], r"at least one caption.* Received: 0 captions, references for 0 photos"),
        (["a"], [["a"], ["b"]], r"Received: 1 captions, references for 2 photos"),
        (["a", "b"], [["a"], []], r"at least one reference. Received: none for 1 photos"),
    ],
)
def test_corpus_bleu_of_mismatched_input_is_refused(
    hypotheses: list[str], references: list[list[str]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        corpus_bleu(hypotheses, references)


def test_sentence_bleu_of_a_short_caption() -> None:
    # Three words have no 4-gram, so it is BLEU-3. Unigrams 2/3, bigrams 1/2, trigrams 0 of 1,
    # smoothed to 1/2: cube root of (2/3 * 1/2 * 1/2) = (1/6) ** (1/3) = 0.550321.
    assert sentence_bleu("a dog runs", ["a dog sits"]) == pytest.approx(55.0321, abs=1e-4)


def test_sentence_bleu_ranks_captions() -> None:
    references = ["a brown dog runs on grass", "a dog is running"]
    captions = ["a brown dog runs on grass", "a dog runs on grass", "a dog", "two cats sleep", ""]
    scores = [sentence_bleu(caption, references) for caption in captions]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(100)
    assert scores[2] > 0
    assert scores[3:] == [0, 0]
