import numpy as np
import pytest

from components.captioning.decoding import reranking
from components.captioning.decoding.reranking import Reranker

# Square roots [1, 0] and [0, 1]; centred, of length 1: [r, -r] and [-r, r] with r = sqrt(1/2). Both
# are eigenvectors of the regularized Gram matrix, [[1, -1], [-1, 1]] + 0.5 I, with eigenvalue 2.5.
FEATURES = np.array([[1, 0], [0, 1]], np.float16)
CAPTIONS = [("a dog", "a cat"), ("a boat",)]
DOG, BOAT = [1.0, 0.0], [0.0, 1.0]


@pytest.mark.parametrize(
    ("candidate", "similarity"),
    [
        # "a" occurs with both photos: its IDF is 0. "dog" and "a dog" are in one of two captions.
        ("a dog", 0.5 + 0.5),
        ("dog", 0.5),
        ("a boat", -1 - 1),
        # Vectors of length 1 over two words with a weight, and over three word pairs.
        ("a dog a cat", 2 * 0.5 * 2**-0.5 + 2 * 0.5 * 3**-0.5),
        ("zebra", 0.0),
        ("", 0.0),
    ],
)
def test_score_is_the_similarity_to_the_prediction_of_a_ridge_regression(
    candidate: str, similarity: float
) -> None:
    [[score]] = Reranker(FEATURES, CAPTIONS).score(np.array([DOG]), [[candidate]])
    # The photos have weights of 1 / 2.5 and -1 / 2.5; divided by the four n-gram orders.
    assert score == pytest.approx(similarity / 2.5 / 4, abs=1e-6)


def test_score_depends_on_the_photo() -> None:
    candidates = ["a dog", "a boat"]
    dog, boat = Reranker(FEATURES, CAPTIONS).score(np.array([DOG, BOAT]), [candidates] * 2)
    np.testing.assert_allclose(dog, [0.1, -0.2], atol=1e-6)
    np.testing.assert_allclose(boat, [-0.1, 0.2], atol=1e-6)


def test_score_distinguishes_negative_from_positive_features() -> None:
    reranker = Reranker(np.array([[-1], [1]], np.float16), CAPTIONS)
    candidates = ["a dog", "a boat"]
    below, above = reranker.score(np.array([[-4.0], [4.0]]), [candidates] * 2)
    assert below[0] > 0 > below[1]
    assert above[1] > 0 > above[0]


def test_score_one_each_is_the_score_of_each_caption(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reranking, "_BATCH_SIZE", 2)
    features = np.array([DOG, BOAT, [1.0, 0.5]])
    captions = ["a dog a cat", "a boat", "zebra"]
    reranker = Reranker(FEATURES, CAPTIONS)
    expected = np.concatenate(reranker.score(features, [[caption] for caption in captions]))
    np.testing.assert_allclose(reranker.score_one_each(features, captions), expected, atol=1e-12)
    assert expected[0] > 0 and expected[1] > 0
    assert reranker.score_one_each(features[:0], []).shape == (0,)


def test_word_predictor_predicts_the_unigrams_of_the_regression() -> None:
    predict = Reranker(FEATURES, CAPTIONS).word_predictor(["<end>", "a", "dog", "boat", "zebra"])

    # "dog" is in one of two captions of its photo, "boat" in the only one; "a" has an IDF of 0.
    np.testing.assert_allclose(
        predict(np.array([DOG, BOAT])),
        [[0, 0, 0.5 / 2.5, -1 / 2.5, 0], [0, 0, -0.5 / 2.5, 1 / 2.5, 0]],
        atol=1e-6,
    )


def test_score_with_a_single_train_photo_is_zero() -> None:
    reranker = Reranker(np.array([[1, 0]], np.float16), [("a dog",)])
    [scores] = reranker.score(np.array([DOG]), [["a dog", "a boat"]])
    np.testing.assert_array_equal(scores, [0, 0])


def test_score_with_a_train_photo_without_captions() -> None:
    reranker = Reranker(FEATURES, [("a dog",), ()])
    [scores] = reranker.score(np.array([DOG]), [["a dog", "a boat"]])
    # Now all words have the same IDF: "a" is half of "a dog", and half of "a boat".
    np.testing.assert_allclose(scores, [2 / 2.5 / 4, 0.5 / 2.5 / 4], atol=1e-6)


def test_score_of_no_candidates_is_empty() -> None:
    [scores] = Reranker(FEATURES, CAPTIONS).score(np.array([DOG]), [[]])
    assert scores.shape == (0,)


def test_score_of_no_photos_is_empty() -> None:
    assert Reranker(FEATURES, CAPTIONS).score(np.zeros((0, 2)), []) == []
