"""Reranking: prefers the captions of a beam that resemble human captions of similar photos.

The caption that a network finds most probable is often a generic one. Scores improve if captions
are also ranked by their similarity to what the captions of the train photos predict. This follows
Devlin et al. (2015, arXiv:1505.04467) and Mao et al. (2015, arXiv:1412.6632), who use the nearest
train photos; here every train photo contributes, weighted by a ridge regression.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

#: The reranking method. A weight tuned for one method is meaningless for another.
METHOD = "ridge regression"

# N-gram orders, as in CIDEr-D.
_ORDERS = (1, 2, 3, 4)
# Ridge penalty, tuned on the dev split of Flickr8k; 0.3 to 1 work equally well.
_RIDGE = 0.5
# Hash buckets per n-gram order: enough to make collisions rare.
_BUCKETS = 2**18

# Captions compared with all train photos at the same time: limits the memory.
_BATCH_SIZE = 256


class Reranker:
    """Scores captions by their similarity to what the train captions predict for a photo.

    Args:
        features: The features of N train photos, float [N, D].
        captions: The normalized captions of each of them; at least one in total.
    """

    def __init__(self, features: NDArray[Any], captions: Sequence[Sequence[str]]) -> None:
        counts = np.array([len(photo) for photo in captions])
        flat = [caption for photo in captions for caption in photo]
        photos = np.repeat(np.arange(len(counts)), counts)  # [C], the photo of each caption
        self._idfs = [_idf(_hash(flat, order), photos, len(counts)) for order in _ORDERS]
        averaging = sparse.csr_matrix(
            (1 / counts[photos], (photos, np.arange(len(photos)))), shape=(len(counts), len(photos))
        )
        # [N, F], the mean TF-IDF vector of each photo's captions
        self._targets = (averaging @ self._tfidf(flat)).tocsr()
        rooted = _signed_root(features)
        self._centre = rooted.mean(axis=0)
        self._inputs = _unit(rooted - self._centre)  # [N, D]
        gram = self._inputs.T @ self._inputs + _RIDGE * np.eye(rooted.shape[1], dtype=np.float32)
        self._gram = linalg.cho_factor(gram)

    def score(
        self, features: NDArray[Any], captions: Sequence[Sequence[str]]
    ) -> list[NDArray[np.float64]]:
        """Scores candidate captions against the prediction of a ridge regression.

        1. A caption is represented by its n-gram TF-IDF vector, normalized to length 1 for each n
           from 1 to 4, as in CIDEr (Vedantam et al., 2015, arXiv:1411.5726). A train photo is
           represented by the mean vector of its captions.
        2. A ridge regression predicts such a vector from a photo's features (signed square roots
           as in Perronnin et al., 2010, centred, normalized to length 1). The prediction is a
           weighted sum over the train photos and is never materialized. There is no intercept: for
           a photo at the mean of all features the prediction is zero.
        3. The score is the scalar product of a caption's vector and the prediction, divided by 4.

        Args:
            features: float [N, D].
            captions: Normalized candidate captions of each of the N photos.

        Returns:
            The scores of each photo's candidates: positive if a caption resembles the prediction,
            0 if there is no evidence, negative if the evidence is against it; rarely above 0.5.
        """
        weights = self._weights(features)
        return [
            self._tfidf(candidates) @ (self._targets.T @ photo_weights) / len(_ORDERS)
            if candidates
            else np.zeros(0)
            for candidates, photo_weights in zip(captions, weights, strict=True)
        ]

    def score_one_each(
        self, features: NDArray[Any], captions: Sequence[str]
    ) -> NDArray[np.float64]:
        """Returns the score of one caption per photo, float64 [N], faster than `score` does.

        Args:
            features: float [N, D].
            captions: A normalized caption of each photo.
        """
        scores = np.zeros(len(captions))
        for start in range(0, len(captions), _BATCH_SIZE):
            batch = slice(start, start + _BATCH_SIZE)
            # Only train photos that share n-grams with a caption count: no prediction is needed.
            similarities = self._tfidf(captions[batch]) @ self._targets.T  # sparse [B, M]
            weighted = similarities.multiply(self._weights(features[batch]))
            scores[batch] = np.asarray(weighted.sum(axis=1))[:, 0] / len(_ORDERS)
        return scores

    def word_predictor(self, words: Sequence[str]) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
        """Returns a function that predicts single words: the unigrams of the prediction of `score`.

        Args:
            words: V words; for one that no train caption contains, the prediction is 0.

        Returns:
            A function of features, float [N, D]. It returns the predicted component of each word
            in a caption's TF-IDF vector, float32 [N, V]; rarely above 0.3.
        """
        buckets = (_hash(words, 1) > 0).astype(np.float64)  # sparse [V, _BUCKETS]
        targets = self._targets[:, :_BUCKETS] @ buckets.T  # sparse [N, V]
        coefficients = linalg.cho_solve(self._gram, (targets.T @ self._inputs).T)  # [D, V]
        coefficients = coefficients.astype(np.float32)

        def predict(features: NDArray[Any]) -> NDArray[np.float32]:
            prediction: NDArray[np.float32] = self._standardize(features) @ coefficients
            return prediction

        return predict

    def _weights(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Returns the weight of each train photo in the prediction for each photo, [N, M]."""
        inputs = self._standardize(features)
        weights: NDArray[np.float32] = linalg.cho_solve(self._gram, inputs.T).T @ self._inputs.T
        return weights

    def _standardize(self, features: NDArray[Any]) -> NDArray[np.float32]:
        return _unit(_signed_root(features) - self._centre)

    def _tfidf(self, captions: Sequence[str]) -> Any:
        return sparse.hstack(
            [
                normalize(_hash(captions, order).multiply(idf).tocsr())
                for order, idf in zip(_ORDERS, self._idfs, strict=True)
            ],
            format="csr",
        )


def _hash(captions: Sequence[str], order: int) -> Any:
    # With hashing, the bundle does not have to store an n-gram vocabulary.
    return HashingVectorizer(
        n_features=_BUCKETS,
        ngram_range=(order, order),
        token_pattern=r"[^ ]+",  # noqa: S106 # a pattern for words, not a password
        lowercase=False,
        alternate_sign=False,
        norm=None,
    ).transform(captions)  # sparse [C, _BUCKETS]


def _idf(counts: Any, photos: NDArray[np.intp], total: int) -> NDArray[np.float64]:
    """Returns the inverse document frequency of each n-gram, [1, _BUCKETS]; documents are photos.

    Args:
        counts: Sparse [C, _BUCKETS], n-gram counts of each caption.
        photos: int [C], the photo of each caption.
        total: Number of photos.
    """
    membership = sparse.csr_matrix((np.ones(len(photos)), (photos, np.arange(len(photos)))))
    frequencies = np.asarray((membership @ (counts > 0) > 0).sum(axis=0))  # [1, _BUCKETS]
    idf: NDArray[np.float64] = np.log(total / np.maximum(frequencies, 1))
    return idf


def _signed_root(features: NDArray[Any]) -> NDArray[np.float32]:
    values = features.astype(np.float32)
    rooted: NDArray[np.float32] = np.sign(values) * np.sqrt(np.abs(values))
    return rooted


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vectors / np.maximum(
        np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9
    )
    return unit
