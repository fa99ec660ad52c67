"""What training minimises and watches: cross-entropy of the words that came."""

from typing import Any

import keras
from keras import ops

from components.captioning.model.decoder import mask_padding
from components.captioning.model.ensemble import ensemble_logits


def word_cross_entropy(targets: Any, logits: Any, smoothing: float = 0.0) -> Any:
    """Cross-entropy of each word, in nats.

    Args:
        targets: int [...], the words that came.
        logits: float [..., V].
        smoothing: Share of the target that is spread evenly over all V words (Szegedy et al.,
            2016, arXiv:1512.00567).

    Returns:
        float32 [...].
    """
    logits = ops.cast(logits, "float32")
    # The fused kernel: picking the words out of a log-softmax takes four times as long.
    loss = ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    if smoothing:
        # mean over V of -log softmax = logsumexp - mean of logits
        even = ops.logsumexp(logits, axis=-1) - ops.mean(logits, axis=-1)
        loss = (1 - smoothing) * loss + smoothing * even
    return loss


class WordCrossEntropy(keras.losses.Loss):
    """Mean cross-entropy a word and member, each by itself; padding weighs nothing.

    Args:
        smoothing: See `word_cross_entropy`.
    """

    def __init__(self, smoothing: float = 0.0) -> None:
        super().__init__(name="word_cross_entropy")
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns losses, float32 [W, M], of targets int [B, T] and logits [W, M, V]."""
        targets = ops.cast(y_true, "int32")
        came = ops.expand_dims(mask_padding(targets, targets), 1)  # [W, 1]
        came = ops.broadcast_to(came, ops.shape(y_pred)[:2])  # [W, M]
        return word_cross_entropy(came, y_pred, self.smoothing)


class WordLoss(keras.metrics.Mean):
    """Mean cross-entropy a word over all batches, in nats, of what members say together.

    Without smoothing. Every word counts once, whatever batch it fell into, so the figure of a
    split does not depend on how it was batched.
    """

    def __init__(self, name: str = "word_loss") -> None:
        super().__init__(name=name, dtype="float32")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Adds a batch: targets int [B, T], logits float [W, M, V]."""
        targets = ops.cast(y_true, "int32")
        losses = word_cross_entropy(mask_padding(targets, targets), ensemble_logits(y_pred))
        return super().update_state(losses)
