import keras
import numpy as np
import pytest

from components.captioning.model.losses import WordCrossEntropy, WordLoss, word_cross_entropy
from components.captioning.model.vocabulary import PAD

# A softmax is invariant to the shift of 3: the five tokens have these probabilities.
# -ln 0.1 = 2.302585, -ln 0.2 = 1.609438, -ln 0.5 = 0.693147
LOGITS = np.log([0.1, 0.1, 0.2, 0.1, 0.5]) + 3
ONE_FIFTH, ONE_HALF = 2, 4


def _logits(tokens: int) -> np.ndarray:
    return np.broadcast_to(LOGITS, (tokens, 5)).astype(np.float32)


def _single_decoder(tokens: int) -> np.ndarray:
    """The same for a network with one decoder."""
    return _logits(tokens)[:, np.newaxis]  # [W, 1, V]


def _two_decoders() -> np.ndarray:
    """For one token: two decoders that give the last token a probability of 0.5 and 0.1."""
    other = np.log([[0.5, 0.1, 0.2, 0.1, 0.1]])
    return np.stack([_logits(1), other.astype(np.float32)], axis=1)  # [1, 2, V]


def test_word_cross_entropy_is_minus_log_probability() -> None:
    losses = word_cross_entropy(np.array([ONE_FIFTH, ONE_HALF]), _logits(2))
    np.testing.assert_allclose(losses, [1.609438, 0.693147], atol=1e-5)


def test_word_cross_entropy_with_smoothing() -> None:
    # The mean of -ln p over all tokens: (3 * 2.302585 + 1.609438 + 0.693147) / 5 = 1.842068.
    # 0.9 * 1.609438 + 0.1 * 1.842068 = 1.632701; 0.9 * 0.693147 + 0.1 * 1.842068 = 0.808039
    losses = word_cross_entropy(np.array([ONE_FIFTH, ONE_HALF]), _logits(2), smoothing=0.1)
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
def test_word_cross_entropy_of_float16_logits_is_float32(smoothing: float) -> None:
    losses = word_cross_entropy(np.array([ONE_HALF]), _logits(1).astype(np.float16), smoothing)
    assert keras.backend.standardize_dtype(losses.dtype) == "float32"


def test_word_cross_entropy_loss_ignores_padding() -> None:
    # (0.693147 + 1.609438 + 0.693147) / 3 tokens, not / 4 positions
    targets = np.array([[ONE_HALF, ONE_FIFTH], [ONE_HALF, PAD]])
    assert float(WordCrossEntropy()(targets, _single_decoder(3))) == pytest.approx(
        0.998577, abs=1e-5
    )


def test_word_cross_entropy_loss_with_smoothing() -> None:
    # (0.808039 + 1.632701 + 0.808039) / 3, from the smoothed losses above
    targets = np.array([[ONE_HALF, ONE_FIFTH], [ONE_HALF, PAD]])
    loss = WordCrossEntropy(smoothing=0.1)(targets, _single_decoder(3))
    assert float(loss) == pytest.approx(1.082926, abs=1e-5)


def test_word_cross_entropy_loss_of_two_decoders_is_their_mean() -> None:
    # (-ln 0.5 - ln 0.1) / 2
    assert float(WordCrossEntropy()(np.array([[ONE_HALF]]), _two_decoders())) == pytest.approx(
        1.497866
    )


def test_word_loss_of_two_decoders_is_of_their_mean_probability() -> None:
    metric = WordLoss()
    metric.update_state(np.array([[ONE_HALF]]), _two_decoders())
    assert float(metric.result()) == pytest.approx(1.203973, abs=1e-5)  # -ln 0.3


def test_word_loss_of_uneven_batches_is_the_mean_over_all_tokens() -> None:
    # A batch of one position with one token, a batch of three positions with two tokens:
    # (0.693147 + 2 * 1.609438) / 3 tokens = 1.304008
    metric = WordLoss()
    metric.update_state(np.array([[ONE_HALF]]), _single_decoder(1))
    metric.update_state(np.array([[ONE_FIFTH, ONE_FIFTH, PAD]]), _single_decoder(2))
    assert float(metric.result()) == pytest.approx(1.304008, abs=1e-5)


def test_word_loss_does_not_depend_on_batching() -> None:
    random = np.random.default_rng(1)
    targets = random.integers(1, 6, size=(4, 5))
    for row, length in zip(targets, (1, 2, 4, 5), strict=True):
        row[length:] = PAD
    logits = random.normal(size=(1 + 2 + 4 + 5, 1, 6)).astype(np.float32)
    whole, batched = WordLoss(), WordLoss()
    whole.update_state(targets, logits)
    # Each batch is padded to its longest caption, as in training.
    batched.update_state(targets[:1, :1], logits[:1])
    batched.update_state(targets[1:3, :4], logits[1:7])
    batched.update_state(targets[3:], logits[7:])
    assert float(batched.result()) == pytest.approx(float(whole.result()), abs=1e-6)


def test_word_loss_reset_state() -> None:
    metric = WordLoss()
    metric.update_state(np.array([[ONE_FIFTH]]), _single_decoder(1))
    metric.reset_state()
    metric.update_state(np.array([[ONE_HALF]]), _single_decoder(1))
    assert float(metric.result()) == pytest.approx(0.693147, abs=1e-5)
