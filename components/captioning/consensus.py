"""Consensus: which of a beam's captions is most like what people said of similar photos.

A network's most probable caption is often a safe one. Ranked by their likeness to the captions of
the nearest train photos as well, a beam's captions score higher (Devlin et al., 2015,
arXiv:1505.04467; Mao et al., 2015, arXiv:1412.6632).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from components.platform.artifacts import read_json, write_json

FEATURES_FILE = "neighbours.npy"
CAPTIONS_FILE = "neighbours.json"

# As in CIDEr-D: n-grams of up to 4 words, and the width of the penalty on another length.
_ORDERS, _SIGMA = (1, 2, 3, 4), 6.0
# Photos that are asked, and of their captions those most like a candidate: about one a photo.
# Tuned on Flickr8k's dev split; 40 to 100 are about as good.
_PHOTOS = 60
_CAPTIONS = 60
# So many that n-grams of one order seldom share a place.
_PLACES = 2**18


@dataclass(frozen=True)
class Neighbours:
    """The photos that are asked: those of the train split.

    Attributes:
        features: float16 [N, D].
        captions: Of each photo, its normalised captions; at least one in all.
    """

    features: NDArray[np.float16]
    captions: list[tuple[str, ...]]

    @cached_property
    def consensus(self) -> "Consensus":
        """What compares captions with theirs; made at the first use, which takes seconds."""
        return Consensus(self)

    def save(self, directory: Path) -> None:
        """Writes both, without pickle."""
        np.save(directory / FEATURES_FILE, self.features, allow_pickle=False)
        write_json(directory / CAPTIONS_FILE, self.captions)

    @classmethod
    def load(cls, directory: Path) -> "Neighbours":
        """Reads what `save` wrote.

        Raises:
            OSError: If a file is missing.
            ValueError: If one is broken, or they do not fit each other.
        """
        features = np.load(directory / FEATURES_FILE, allow_pickle=False)
        captions = [tuple(photo) for photo in read_json(directory / CAPTIONS_FILE)]
        if len(features) != len(captions):
            raise ValueError(
                f"{CAPTIONS_FILE} must have captions for each of the {len(features)} photos in "
                f"{FEATURES_FILE}. Received: {len(captions)}"
            )
        return cls(features, captions)


class Consensus:
    """Says how much captions agree with what people said of similar photos.

    Args:
        neighbours: The photos that are asked.
    """

    def __init__(self, neighbours: Neighbours) -> None:
        captions = [caption for photo in neighbours.captions for caption in photo]
        counts = np.array([len(photo) for photo in neighbours.captions])
        photos = np.repeat(np.arange(len(counts)), counts)  # [C], whose each caption is
        self._features = _unit(neighbours.features)
        self._rows = np.split(np.arange(len(captions)), np.cumsum(counts)[:-1])
        self._rarities = [_rarity(_hash(captions, order), photos, len(counts)) for order in _ORDERS]
        self._vectors = self._weigh(captions)  # sparse [C, F]
        self._lengths = _lengths(captions)

    def agreement(
        self, features: NDArray[Any], captions: Sequence[Sequence[str]]
    ) -> list[NDArray[np.float64]]:
        """Compares captions with those of similar photos.

        1. A photo's neighbours are the photos whose features have the highest cosine with its.
        2. Two captions are as alike as in CIDEr-D (Vedantam et al., 2015, arXiv:1411.5726), but
           without clipping: the mean over n of the cosine of their n-grams' TF-IDF, less for
           another length.
        3. A caption's agreement is its mean likeness to those neighbours' captions that are most
           like it.

        Args:
            features: float [N, D].
            captions: Of each of the N photos, normalised candidates.

        Returns:
            Of each photo its candidates' agreement, 0 to 1.
        """
        likeness = _unit(features) @ self._features.T  # [N, M]
        nearest = np.argsort(-likeness, axis=1, kind="stable")[:, :_PHOTOS]
        return [
            self._agreement(candidates, np.concatenate([self._rows[photo] for photo in photos]))
            for candidates, photos in zip(captions, nearest, strict=True)
        ]

    def _agreement(self, candidates: Sequence[str], rows: NDArray[np.intp]) -> NDArray[np.float64]:
        cosines = (self._weigh(candidates) @ self._vectors[rows].T).toarray()  # [K, R]
        differences = _lengths(candidates)[:, np.newaxis] - self._lengths[rows]  # [K, R]
        alike = cosines / len(_ORDERS) * np.exp(-(differences**2) / (2 * _SIGMA**2))
        most = -np.sort(-alike, axis=1)[:, :_CAPTIONS]
        agreement: NDArray[np.float64] = most.mean(axis=1)
        return agreement

    def _weigh(self, captions: Sequence[str]) -> Any:
        return sparse.hstack(
            [
                normalize(_hash(captions, order).multiply(rarity).tocsr())
                for order, rarity in zip(_ORDERS, self._rarities, strict=True)
            ],
            format="csr",
        )


def _hash(captions: Sequence[str], order: int) -> Any:
    # Hashed, there is no vocabulary of n-grams to be kept in the bundle.
    return HashingVectorizer(
        n_features=_PLACES,
        ngram_range=(order, order),
        token_pattern=r"[^ ]+",  # noqa: S106 # no password: what a word is
        lowercase=False,
        alternate_sign=False,
        norm=None,
    ).transform(captions)  # sparse [C, _PLACES]


def _rarity(counts: Any, photos: NDArray[np.intp], total: int) -> NDArray[np.float64]:
    """Returns the inverse document frequency of each n-gram, [1, _PLACES]; a document is a photo.

    Args:
        counts: Sparse [C, _PLACES].
        photos: int [C], whose each caption is.
        total: Photos in all.
    """
    owners = sparse.csr_matrix((np.ones(len(photos)), (photos, np.arange(len(photos)))))
    frequencies = np.asarray((owners @ (counts > 0) > 0).sum(axis=0))  # [1, _PLACES]
    rarity: NDArray[np.float64] = np.log(total / np.maximum(frequencies, 1))
    return rarity


def _lengths(captions: Sequence[str]) -> NDArray[np.int64]:
    return np.array([len(caption.split()) for caption in captions])


def _unit(features: NDArray[Any]) -> NDArray[np.float32]:
    wide = features.astype(np.float32)
    unit: NDArray[np.float32] = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-9)
    return unit
