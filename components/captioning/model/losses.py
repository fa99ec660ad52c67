"""The training loss and the monitored metric: cross-entropy per token."""

from typing import Any

import keras
from keras import ops

from components.captioning.model.decoder import mask_padding
from components.captioning.model.ensemble import ensemble_logits


def word_cross_entropy(targets: Any, logits: Any, smoothing: float = 0.0) -> Any:
    """Returns the cross-entropy of each target token, in nats.

    Args:
        targets: int [...], token ids.
        logits: float [..., V].
        smoothing: Label smoothing: the share of the target distribution that is spread uniformly
            over all V tokens (Szegedy et al., 2016, arXiv:1512.00567).

    Returns:
        float32 [...].
    """
    logits = ops.cast(logits, "float32")
    # The fused kernel: gathering targets from a log-softmax takes four times as long.
    loss = ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    if smoothing:
        # mean over V of -log softmax = logsumexp - mean of logits
        uniform = ops.logsumexp(logits, axis=-1) - ops.mean(logits, axis=-1)
        loss = (1 - smoothing) * loss + smoothing * uniform
    return loss


class WordCrossEntropy(keras.losses.Loss):
    """Mean cross-entropy over all tokens and decoders, each decoder by itself; ignores padding.

    Args:
        smoothing: See `word_cross_entropy`.
    """

    def __init__(self, smoothing: float = 0.0) -> None:
        super().__init__(name="word_cross_entropy")
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns losses, float32 [W, M], of targets int [B, T] and logits [W, M, V]."""
        targets = ops.cast(y_true, "int32")
        targets = ops.expand_dims(mask_padding(targets, targets), 1)  # [B, T] -> [W] -> [W, 1]
        targets = ops.broadcast_to(targets, ops.shape(y_pred)[:2])  # [W, M]
        return word_cross_entropy(targets, y_pred, self.smoothing)


class WordLoss(keras.metrics.Mean):
    """Mean cross-entropy per token of the ensemble, in nats, without label smoothing.

    Every token has the same weight whatever batch it is in, so a split's loss does not depend on
    how it is batched.
    """

    def __init__(self, name: str = "word_loss") -> None:
        super().__init__(name=name, dtype="float32")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Adds a batch: targets int [B, T], logits float [W, M, V]."""
        targets = ops.cast(y_true, "int32")
        losses = word_cross_entropy(mask_padding(targets, targets), ensemble_logits(y_pred))
        return super().update_state(losses)
