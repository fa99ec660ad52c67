"""Consensus: which of a beam's captions is most like what people would say of such a photo.

A network's most probable caption is often a safe one. Ranked as well by their likeness to what the
train photos let expect, a beam's captions score higher. In the line of Devlin et al. (2015,
arXiv:1505.04467) and Mao et al. (2015, arXiv:1412.6632), who ask the nearest train photos; here all
are asked, each as much as a ridge regression says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from scipy import linalg, sparse
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from components.artifacts.files import write_json

FEATURES_FILE = "reranker_features.npy"
CAPTIONS_FILE = "reranker_captions.json"
#: How agreement is found. A weight that was tuned for one rule means nothing to another.
RULE = "ridge regression"

# N-grams of up to 4 words, as in CIDEr-D.
_ORDERS = (1, 2, 3, 4)
# The regression's ridge. Tuned on Flickr8k's dev split; 0.3 to 1 are as good.
_RIDGE = 0.5
# So many that n-grams of one order seldom share a place.
_PLACES = 2**18


@dataclass(frozen=True)
class _Facts:
    rule: str
    captions: list[tuple[str, ...]]


_FILE: TypeAdapter[_Facts | list[tuple[str, ...]]] = TypeAdapter(_Facts | list[tuple[str, ...]])


@dataclass(frozen=True)
class RerankerData:
    """The photos that are asked: those of the train split.

    Attributes:
        features: float16 [N, D].
        captions: Of each photo, its normalised captions; at least one in all.
        rule: What agreement with them was found by when the bundle was made.
    """

    features: NDArray[np.float16]
    captions: list[tuple[str, ...]]
    rule: str = RULE

    @cached_property
    def reranker(self) -> "Reranker":
        """What compares captions with theirs; made at the first use, which takes seconds."""
        return Reranker(self)

    def save(self, directory: Path) -> None:
        """Writes them, without pickle."""
        np.save(directory / FEATURES_FILE, self.features, allow_pickle=False)
        write_json(directory / CAPTIONS_FILE, {"rule": self.rule, "captions": self.captions})

    @classmethod
    def load(cls, directory: Path) -> "RerankerData":
        """Reads what `save` wrote.

        Raises:
            OSError: If a file is missing.
            LookupError, TypeError, ValueError: If one is broken, or they do not fit each other.
        """
        features = _read_features(directory / FEATURES_FILE)
        facts = _FILE.validate_json((directory / CAPTIONS_FILE).read_bytes())
        if isinstance(facts, list):  # of the first bundles, which had captions alone
            facts = _Facts("nearest photos", facts)
        captions = facts.captions
        if len(features) != len(captions):
            raise ValueError(
                f"{CAPTIONS_FILE} must have captions for each of the {len(features)} photos in "
                f"{FEATURES_FILE}. Received: {len(captions)}"
            )
        if features.ndim != 2 or features.dtype.kind != "f" or not np.isfinite(features).all():
            raise ValueError(
                f"{FEATURES_FILE} must hold finite numbers, a row a photo. Received: "
                f"{features.dtype} of shape {features.shape}"
            )
        return cls(features, captions, facts.rule)


def _read_features(path: Path) -> NDArray[Any]:
    try:
        # Mapped first: a header may announce far more numbers than the file has.
        return np.array(np.lib.format.open_memmap(path, mode="r"))
    except (ArithmeticError, RecursionError, SyntaxError, TokenError) as error:
        raise ValueError(f"{path.name} must be an array of NumPy: {error}") from error


class Reranker:
    """Says how much captions agree with what people would say of such a photo.

    Args:
        reranker_data: The photos that are asked.
    """

    def __init__(self, reranker_data: RerankerData) -> None:
        captions = [caption for photo in reranker_data.captions for caption in photo]
        counts = np.array([len(photo) for photo in reranker_data.captions])
        photos = np.repeat(np.arange(len(counts)), counts)  # [C], whose each caption is
        self._idfs = [_idf(_hash(captions, order), photos, len(counts)) for order in _ORDERS]
        means = sparse.csr_matrix(
            (1 / counts[photos], (photos, np.arange(len(photos)))), shape=(len(counts), len(photos))
        )
        self._said = (means @ self._weigh(captions)).tocsr()  # [N, F], each photo's mean caption
        rooted = _root(reranker_data.features)
        self._centre = rooted.mean(axis=0)
        self._views = _unit(rooted - self._centre)  # [N, D]
        squares = self._views.T @ self._views + _RIDGE * np.eye(rooted.shape[1], dtype=np.float32)
        self._squares = linalg.cho_factor(squares)

    def score(
        self, features: NDArray[Any], captions: Sequence[Sequence[str]]
    ) -> list[NDArray[np.float64]]:
        """Compares captions with what a regression over the train photos expects.

        1. A caption is its n-grams' TF-IDF vector, of length 1 for each n from 1 to 4, as in
           CIDEr (Vedantam et al., 2015, arXiv:1411.5726); a train photo is the mean of its
           captions.
        2. A ridge regression from features (signed square roots, as Perronnin et al., 2010, then
           centred, of length 1) expects a vector for each photo. It is never made: it is a
           weighed sum over the train photos.
           There is no intercept: of a photo like the mean of all nothing is expected.
        3. A caption's agreement is its scalar product with what is expected, divided by 4.

        Args:
            features: float [N, D].
            captions: Of each of the N photos, normalised candidates.

        Returns:
            Of each photo its candidates' agreement: 0 where nothing speaks for or against a
            caption, negative where more does against it; seldom beyond 0.5.
        """
        views = _unit(_root(features) - self._centre)
        weights = linalg.cho_solve(self._squares, views.T).T @ self._views.T  # [N, M]
        return [
            self._weigh(candidates) @ (self._said.T @ photo) / len(_ORDERS)
            if candidates
            else np.zeros(0)
            for candidates, photo in zip(captions, weights, strict=True)
        ]

    def _weigh(self, captions: Sequence[str]) -> Any:
        return sparse.hstack(
            [
                normalize(_hash(captions, order).multiply(idf).tocsr())
                for order, idf in zip(_ORDERS, self._idfs, strict=True)
            ],
            format="csr",
        )


def _hash(captions: Sequence[str], order: int) -> Any:
    # Hashed, there is no vocabulary of n-grams to be kept in the bundle.
    return HashingVectorizer(
        n_features=_PLACES,
        ngram_range=(order, order),
        token_pattern=r"[^ ]+",  # noqa: S106 # a pattern for words, no password
        lowercase=False,
        alternate_sign=False,
        norm=None,
    ).transform(captions)  # sparse [C, _PLACES]


def _idf(counts: Any, photos: NDArray[np.intp], total: int) -> NDArray[np.float64]:
    """Returns the inverse document frequency of each n-gram, [1, _PLACES]; a document is a photo.

    Args:
        counts: Sparse [C, _PLACES].
        photos: int [C], whose each caption is.
        total: Photos in all.
    """
    owners = sparse.csr_matrix((np.ones(len(photos)), (photos, np.arange(len(photos)))))
    frequencies = np.asarray((owners @ (counts > 0) > 0).sum(axis=0))  # [1, _PLACES]
    idf: NDArray[np.float64] = np.log(total / np.maximum(frequencies, 1))
    return idf


def _root(features: NDArray[Any]) -> NDArray[np.float32]:
    wide = features.astype(np.float32)
    rooted: NDArray[np.float32] = np.sign(wide) * np.sqrt(np.abs(wide))
    return rooted


def _unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = values / np.maximum(
        np.linalg.norm(values, axis=1, keepdims=True), 1e-9
    )
    return unit
