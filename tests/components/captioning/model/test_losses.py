import keras
import numpy as np
import pytest

from components.captioning.model.losses import WordCrossEntropy, WordLoss, word_cross_entropy
from components.captioning.model.vocabulary import PAD

# Softmax takes the common 3 away: the five words have these probabilities, whatever came.
# -ln 0.1 = 2.302585, -ln 0.2 = 1.609438, -ln 0.5 = 0.693147
LOGITS = np.log([0.1, 0.1, 0.2, 0.1, 0.5]) + 3
FIFTH, HALF = 2, 4


def _logits(words: int) -> np.ndarray:
    return np.broadcast_to(LOGITS, (words, 5)).astype(np.float32)


def _of_one(words: int) -> np.ndarray:
    """The same of a network of one member."""
    return _logits(words)[:, np.newaxis]  # [W, 1, V]


def _of_two() -> np.ndarray:
    """Of one word: two members who give the last word 0.5 and 0.1."""
    other = np.log([[0.5, 0.1, 0.2, 0.1, 0.1]])
    return np.stack([_logits(1), other.astype(np.float32)], axis=1)  # [1, 2, V]


def test_word_cross_entropy_is_minus_log_probability() -> None:
    losses = word_cross_entropy(np.array([FIFTH, HALF]), _logits(2))
    np.testing.assert_allclose(losses, [1.609438, 0.693147], atol=1e-5)


def test_word_cross_entropy_with_smoothing() -> None:
    # The mean of -ln p over all words: (3 * 2.302585 + 1.609438 + 0.693147) / 5 = 1.842068.
    # 0.9 * 1.609438 + 0.1 * 1.842068 = 1.632701; 0.9 * 0.693147 + 0.1 * 1.842068 = 0.808039
    losses = word_cross_entropy(np.array([FIFTH, HALF]), _logits(2), smoothing=0.1)
    np.testing.assert_allclose(losses, [1.632701, 0.808039], atol=1e-5)


def test_word_cross_entropy_with_smoothing_agrees_with_keras() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(6, 7)).astype(np.float32) * 3
    targets = random.integers(0, 7, size=6)
    expected = keras.losses.categorical_crossentropy(
        np.eye(7, dtype=np.float32)[targets], logits, from_logits=True, label_smoothing=0.2
    )
    losses = word_cross_entropy(targets, logits, smoothing=0.2)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_word_cross_entropy_of_half_precision_logits_is_float32(smoothing: float) -> None:
    losses = word_cross_entropy(np.array([HALF]), _logits(1).astype(np.float16), smoothing)
    assert keras.backend.standardize_dtype(losses.dtype) == "float32"


def test_word_cross_entropy_loss_padding_weighs_nothing() -> None:
    # (0.693147 + 1.609438 + 0.693147) / 3 words, not / 4 places
    targets = np.array([[HALF, FIFTH], [HALF, PAD]])
    assert float(WordCrossEntropy()(targets, _of_one(3))) == pytest.approx(0.998577, abs=1e-5)


def test_word_cross_entropy_loss_with_smoothing() -> None:
    # (0.808039 + 1.632701 + 0.808039) / 3, from the smoothed losses above
    targets = np.array([[HALF, FIFTH], [HALF, PAD]])
    loss = WordCrossEntropy(smoothing=0.1)(targets, _of_one(3))
    assert float(loss) == pytest.approx(1.082926, abs=1e-5)


def test_word_cross_entropy_loss_of_two_members_is_each_ones_own() -> None:
    # (-ln 0.5 - ln 0.1) / 2
    assert float(WordCrossEntropy()(np.array([[HALF]]), _of_two())) == pytest.approx(1.497866)


def test_word_loss_of_two_members_is_that_of_their_mean_probability() -> None:
    metric = WordLoss()
    metric.update_state(np.array([[HALF]]), _of_two())
    assert float(metric.result()) == pytest.approx(1.203973, abs=1e-5)  # -ln 0.3


def test_word_loss_of_uneven_batches_is_the_mean_over_all_words() -> None:
    # A batch of one place with one word, a batch of three places with two words:
    # (0.693147 + 2 * 1.609438) / 3 words = 1.304008
    metric = WordLoss()
    metric.update_state(np.array([[HALF]]), _of_one(1))
    metric.update_state(np.array([[FIFTH, FIFTH, PAD]]), _of_one(2))
    assert float(metric.result()) == pytest.approx(1.304008, abs=1e-5)


def test_word_loss_does_not_depend_on_batching() -> None:
    random = np.random.default_rng(1)
    targets = random.integers(1, 6, size=(4, 5))
    for row, length in zip(targets, (1, 2, 4, 5), strict=True):
        row[length:] = PAD
    logits = random.normal(size=(1 + 2 + 4 + 5, 1, 6)).astype(np.float32)
    together, apart = WordLoss(), WordLoss()
    together.update_state(targets, logits)
    # Each batch is as long as its longest caption, as in training.
    apart.update_state(targets[:1, :1], logits[:1])
    apart.update_state(targets[1:3, :4], logits[1:7])
    apart.update_state(targets[3:], logits[7:])
    assert float(apart.result()) == pytest.approx(float(together.result()), abs=1e-6)


def test_word_loss_reset_forgets() -> None:
    metric = WordLoss()
    metric.update_state(np.array([[FIFTH]]), _of_one(1))
    metric.reset_state()
    metric.update_state(np.array([[HALF]]), _of_one(1))
    assert float(metric.result()) == pytest.approx(0.693147, abs=1e-5)
