"""Two signals of confidence in a caption: its log-probability, and the ensemble's agreement."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from components.captioning.model.ensemble import CaptionNetwork
from components.captioning.model.vocabulary import END, PAD, START

# Logits computed at the same time, float32: limits the memory to a few times 256 MiB.
_MAX_LOGITS = 2**26


def caption_log_probabilities(
    network: CaptionNetwork, features: NDArray[Any], captions: Sequence[Sequence[int]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the log-probability of captions, and how far the ensemble's decoders agree on them.

    The network reads each caption once (teacher forcing).

    Args:
        network: The trained network, an ensemble of M decoders.
        features: float [N, D].
        captions: The token ids of N captions, without special tokens.

    Returns:
        Two arrays, float64 [N]: the log-probability per token, `END` included; and the mean of the
        decoders' log-probabilities minus that of their mean probability, per token. The latter is
        the negative of the reverse mutual information at the caption's tokens, a measure of what an
        ensemble does not know (Malinin and Gales, 2021, arXiv:2002.07650): 0 if the decoders agree
        or there is only one, negative otherwise.
    """
    decoders, vocabulary_size = network.config.ensemble_size, network.config.vocabulary_size
    longest = max(map(len, captions), default=0) + 1
    batch_size = max(1, _MAX_LOGITS // (longest * decoders * vocabulary_size))
    log_probabilities, agreements = np.zeros(len(captions)), np.zeros(len(captions))
    for start in range(0, len(captions), batch_size):
        batch = slice(start, start + batch_size)
        tokens = [[START, *ids] for ids in captions[batch]]
        targets = np.array([token for ids in captions[batch] for token in (*ids, END)], np.int32)
        padded = np.full((len(tokens), max(map(len, tokens))), PAD, np.int32)  # [B, T]
        for row, ids in zip(padded, tokens, strict=True):
            row[: len(ids)] = ids
        logits = network(
            {"features": features[batch].astype(np.float32), "tokens": padded}
        )  # [W, M, V]
        chosen = ops.take_along_axis(logits, targets[:, np.newaxis, np.newaxis], axis=2)[:, :, 0]
        by_decoder = ops.convert_to_numpy(chosen - ops.logsumexp(logits, axis=2)).astype(np.float64)
        of_ensemble = np.logaddexp.reduce(by_decoder, axis=1) - np.log(decoders)  # [W]
        lengths = np.array([len(ids) for ids in tokens])
        first = np.concatenate([[0], np.cumsum(lengths)[:-1]])  # of each caption's tokens
        log_probabilities[batch] = np.add.reduceat(of_ensemble, first) / lengths
        difference = by_decoder.mean(axis=1) - of_ensemble
        agreements[batch] = np.add.reduceat(difference, first) / lengths
    return log_probabilities, agreements
