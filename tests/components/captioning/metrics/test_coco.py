import subprocess
import sys
from importlib.metadata import version
from math import exp, sqrt
from pathlib import Path

import pytest

from components.captioning.metrics.coco import coco_scores

# The caption of a second photo, with words that no other caption here has: each n-gram of one photo
# then has the IDF ln(2 / 1). As its own hypothesis it scores 1 in all four orders, times 1000.
OTHER = "two cats sleep soundly"


def _cider_d(hypothesis: str, *references: str) -> float:
    """Returns the CIDEr-D of one photo's caption beside a second, perfectly described photo."""
    both = coco_scores([hypothesis, OTHER], [references, (OTHER,)])
    return 2 * both.scores["cider_d"] - 1000


def _rouge_l(hypothesis: str, *references: str) -> float:
    return coco_scores([hypothesis], [references]).scores["rouge_l"]


def test_cider_d_perfect_captions() -> None:
    captions = ["a dog runs fast", OTHER]
    assert coco_scores(captions, [[text] for text in captions]).scores["cider_d"] == pytest.approx(
        1000
    )


def test_cider_d_of_a_short_caption_is_zero_for_missing_orders() -> None:
    # All unigrams and bigrams match; there are no trigrams and 4-grams: half of 1000.
    assert _cider_d("a dog", "a dog") == pytest.approx(500)


def test_cider_d_is_the_cosine_similarity_of_vectors() -> None:
    # Unigrams: 1 of 2 and 1 of 3, with equal weights: 1 / (sqrt(2) sqrt(3)). No bigram matches.
    # Lengths differ by one: exp(-1 / (2 * 36)). The mean of four orders, times 10, times 100.
    expected = 1000 / 4 * exp(-1 / 72) / sqrt(6)
    assert _cider_d("one dog", "one small bird") == pytest.approx(expected)


def test_cider_d_clips_repeated_words() -> None:
    # "dog" three times instead of once: min(3, 1) * 1 / (3 * 1); without clipping it would be 1.
    # Lengths differ by two: exp(-4 / 72).
    assert _cider_d("dog dog dog", "dog") == pytest.approx(1000 / 4 * exp(-4 / 72) / 3)


def test_cider_d_is_the_mean_over_references() -> None:
    # 500 for one reference (see above), 0 for the other.
    assert _cider_d("a dog", "a dog", "some bird") == pytest.approx(250)


def test_cider_d_words_in_every_photo_have_no_weight() -> None:
    # "a" is in both photos' references: ln(2 / 2) = 0. In the first caption nothing else matches,
    # in the second a unigram and a bigram: 500.
    scores = coco_scores(["a cat", "a cat"], [["a dog"], ["a cat"]]).scores
    assert scores["cider_d"] == pytest.approx((0 + 500) / 2)


def test_cider_d_counts_document_frequencies_per_photo() -> None:
    # "dog" is in two references of one photo: its IDF is ln(2 / 1), like that of "barks", not
    # ln(2 / 2). Unigrams: 1 of 1 and 1 of 2: 1 / sqrt(2); lengths differ by one; twice the same
    # reference.
    expected = 1000 / 4 * exp(-1 / 72) / sqrt(2)
    assert _cider_d("dog", "dog barks", "dog barks") == pytest.approx(expected)


def test_cider_d_of_a_single_photo_is_zero() -> None:
    # Every n-gram of its references is in the references of every photo.
    assert coco_scores(["a dog"], [["a dog"]]).scores["cider_d"] == 0


def test_rouge_l_of_words_in_order_with_gaps() -> None:
    # A common subsequence of 3 words: precision 3/3, recall 3/5.
    # (1 + 1.44) * 1 * 0.6 / (0.6 + 1.44 * 1) = 1.464 / 2.04
    assert _rouge_l("a dog runs", "a brown dog runs fast") == pytest.approx(100 * 1.464 / 2.04)


def test_rouge_l_of_words_in_another_order() -> None:
    # The longest common subsequence of "b a" and "a b" is one word: 1/2 and 1/2.
    assert _rouge_l("b a", "a b") == pytest.approx(50)


def test_rouge_l_takes_highest_precision_and_highest_recall_over_references() -> None:
    # "a b": precision 2/4, recall 2/6. "c": precision 1/4, recall 1/1. Best: 2/4 and 1.
    expected = 2.44 * 0.5 / (1 + 1.44 * 0.5)
    assert _rouge_l("a b c d", "a b x y z w", "c") == pytest.approx(100 * expected)


def test_rouge_l_is_the_mean_over_photos() -> None:
    scores = coco_scores(["a dog", "bird"], [["a dog"], ["two cats"]]).scores
    assert scores["rouge_l"] == pytest.approx(50)


def test_coco_scores_of_empty_captions_are_zero() -> None:
    assert coco_scores(["", ""], [["a dog"], ["a cat"]]).scores == {"cider_d": 0, "rouge_l": 0}


def test_coco_scores_signature_describes_the_computation() -> None:
    assert coco_scores(["a"], [["a"]]).signature == (
        "cider-d:n=4,sigma=6,df=these-references|rouge-l:beta=1.2|tok:none|times:100"
        f"|pycocoevalcap:{version('pycocoevalcap')}"
    )


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        ([], [], "0 captions, references for 0 photos"),
        (["a"], [["a"], ["b"]], "1 captions, references for 2 photos"),
        (["a"], [[]], "at least one reference"),
    ],
)
def test_coco_scores_of_mismatched_input_is_refused(
    hypotheses: list[str], references: list[list[str]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        coco_scores(hypotheses, references)


def test_coco_scores_starts_no_other_process(tmp_path: Path) -> None:
    # No Java, no other program, no TensorFlow or PyTorch.
    code = (
        "import subprocess, sys\n"
        "del subprocess.Popen\n"
        "from components.captioning.metrics.coco import coco_scores\n"
        "coco_scores(['a dog', 'a'], [['a dog'], ['b']])\n"
        "print({'tensorflow', 'torch', 'pycocotools'} & set(sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[4],
        env={"PATH": str(tmp_path)},
    )
    assert ended.stdout == "set()\n"
