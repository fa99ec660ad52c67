"""What training minimises and watches: cross-entropy over the places that hold words."""

from typing import Any

import keras
from keras import ops

from components.captioning.vocabulary import PAD


def word_cross_entropy(targets: Any, logits: Any, smoothing: float = 0.0) -> Any:
    """Cross-entropy of each place, in nats.

    Args:
        targets: int [B, T], the words that came.
        logits: float [B, T, V].
        smoothing: Share of the target that is spread evenly over all V words (Szegedy et al.,
            2016, arXiv:1512.00567).

    Returns:
        float32 [B, T]. Places with `PAD` count too: weigh them out.
    """
    logits = ops.cast(logits, "float32")
    # The fused kernel: picking the words out of a log-softmax takes four times as long.
    loss = ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    if smoothing:
        # mean over V of -log softmax = logsumexp - mean of logits
        even = ops.logsumexp(logits, axis=-1) - ops.mean(logits, axis=-1)
        loss = (1 - smoothing) * loss + smoothing * even
    return loss


class MaskedCrossEntropy(keras.losses.Loss):
    """Mean cross-entropy a word of the batch; padding weighs nothing.

    Args:
        smoothing: See `word_cross_entropy`.
    """

    def __init__(self, smoothing: float = 0.0) -> None:
        super().__init__(name="masked_cross_entropy")
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss, float32 [1]: a scalar Keras would not share out over devices."""
        targets = ops.cast(y_true, "int32")
        real = ops.cast(targets != PAD, "float32")
        losses = word_cross_entropy(targets, y_pred, self.smoothing)
        loss = ops.sum(losses * real) / ops.maximum(ops.sum(real), 1.0)
        return ops.expand_dims(loss, 0)  # [] -> [1]


class WordLoss(keras.metrics.Mean):
    """Mean cross-entropy a word over all batches, in nats, without smoothing.

    Every word counts once, whatever batch it fell into, so the figure of a split does not
    depend on how it was batched.
    """

    def __init__(self, name: str = "word_loss") -> None:
        super().__init__(name=name, dtype="float32")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Adds a batch: targets int [B, T], logits float [B, T, V]."""
        targets = ops.cast(y_true, "int32")
        losses = ops.reshape(word_cross_entropy(targets, y_pred), (-1,))  # [B, T] -> [B * T]
        # Flat, because Keras averages over T first: words of long batches would count for less.
        real = ops.cast(ops.reshape(targets, (-1,)) != PAD, "float32")  # [B * T]
        return super().update_state(losses, sample_weight=real)
