import subprocess
import sys
from importlib.metadata import version
from math import exp, sqrt
from pathlib import Path

import pytest

from components.captioning.metrics.coco import coco_scores

# Of a second photo, in words that no other caption here has: each n-gram of one photo then weighs
# ln(2 / 1). Its four words, said as they are, are right in all four orders: 1, times 10, times 100.
OTHER = "two cats sleep soundly"


def _cider_d(hypothesis: str, *references: str) -> float:
    """CIDEr-D of one photo's caption where there is a second photo, described perfectly."""
    both = coco_scores([hypothesis, OTHER], [references, (OTHER,)])
    return 2 * both.scores["cider_d"] - 1000


def _rouge_l(hypothesis: str, *references: str) -> float:
    return coco_scores([hypothesis], [references]).scores["rouge_l"]


def test_cider_d_perfect_captions() -> None:
    known = ["a dog runs fast", OTHER]
    assert coco_scores(known, [[text] for text in known]).scores["cider_d"] == pytest.approx(1000)


def test_cider_d_counts_orders_that_a_short_caption_lacks_as_none() -> None:
    # Words and pairs are all right; there are no triples and no quadruples: half of 1000.
    assert _cider_d("a dog", "a dog") == pytest.approx(500)


def test_cider_d_compares_vectors_by_their_angle() -> None:
    # Words: 1 of 2 with 1 of 3, each weighs the same: 1 / (sqrt(2) sqrt(3)). No pair is right.
    # Lengths differ by one: exp(-1 / (2 * 36)). The mean of four orders, times 10, times 100.
    expected = 1000 / 4 * exp(-1 / 72) / sqrt(6)
    assert _cider_d("one dog", "one small bird") == pytest.approx(expected)


def test_cider_d_clips_repeated_words() -> None:
    # "dog" three times where there is one: min(3, 1) * 1 / (3 * 1); without the clip it were 1.
    # Lengths differ by two: exp(-4 / 72).
    assert _cider_d("dog dog dog", "dog") == pytest.approx(1000 / 4 * exp(-4 / 72) / 3)


def test_cider_d_is_the_mean_over_references() -> None:
    # Right of one reference (500, see above), all wrong of the other.
    assert _cider_d("a dog", "a dog", "some bird") == pytest.approx(250)


def test_cider_d_words_of_every_photo_weigh_nothing() -> None:
    # "a" is in both photos' references: ln(2 / 2) = 0. The first caption has nothing else right,
    # the second all of a word and a pair: 500.
    scores = coco_scores(["a cat", "a cat"], [["a dog"], ["a cat"]]).scores
    assert scores["cider_d"] == pytest.approx((0 + 500) / 2)


def test_cider_d_counts_photos_rather_than_references() -> None:
    # "dog" is in two references of one photo: it weighs ln(2 / 1) as "barks" does, not ln(2 / 2).
    # Words: 1 of 1 with 1 of 2: 1 / sqrt(2), lengths differ by one, twice the same reference.
    expected = 1000 / 4 * exp(-1 / 72) / sqrt(2)
    assert _cider_d("dog", "dog barks", "dog barks") == pytest.approx(expected)


def test_cider_d_of_a_single_photo_is_nothing() -> None:
    # Whatever is in its references is in those of every photo.
    assert coco_scores(["a dog"], [["a dog"]]).scores["cider_d"] == 0


def test_rouge_l_words_in_order_with_gaps() -> None:
    # 3 words in common in this order: precision 3/3, recall 3/5.
    # (1 + 1.44) * 1 * 0.6 / (0.6 + 1.44 * 1) = 1.464 / 2.04
    assert _rouge_l("a dog runs", "a brown dog runs fast") == pytest.approx(100 * 1.464 / 2.04)


def test_rouge_l_words_in_another_order() -> None:
    # Of "b a" and "a b" one word is in common in order: 1/2 and 1/2.
    assert _rouge_l("b a", "a b") == pytest.approx(50)


def test_rouge_l_takes_best_precision_and_best_recall_of_any_reference() -> None:
    # "a b": precision 2/4, recall 2/6. "c": precision 1/4, recall 1/1. Best: 2/4 and 1.
    expected = 2.44 * 0.5 / (1 + 1.44 * 0.5)
    assert _rouge_l("a b c d", "a b x y z w", "c") == pytest.approx(100 * expected)


def test_rouge_l_is_the_mean_over_photos() -> None:
    scores = coco_scores(["a dog", "bird"], [["a dog"], ["two cats"]]).scores
    assert scores["rouge_l"] == pytest.approx(50)


def test_coco_scores_of_captions_without_a_word() -> None:
    assert coco_scores(["", ""], [["a dog"], ["a cat"]]).scores == {"cider_d": 0, "rouge_l": 0}


def test_coco_scores_signature_tells_how_they_were_computed() -> None:
    assert coco_scores(["a"], [["a"]]).signature == (
        "cider-d:n=4,sigma=6,df=these-references|rouge-l:beta=1.2|tok:none|times:100"
        f"|pycocoevalcap:{version('pycocoevalcap')}"
    )


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        ([], [], "0 captions, references of 0 photos"),
        (["a"], [["a"], ["b"]], "1 captions, references of 2 photos"),
        (["a"], [[]], "at least one reference"),
    ],
)
def test_coco_scores_what_does_not_match_is_an_error(
    hypotheses: list[str], references: list[list[str]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        coco_scores(hypotheses, references)


def test_coco_scores_starts_no_other_program(tmp_path: Path) -> None:
    # Without Java, without any other program, without TensorFlow or PyTorch.
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
