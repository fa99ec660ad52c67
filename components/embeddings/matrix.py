"""The step's work: from a vocabulary and GloVe's text to the matrix the network starts from."""

import hashlib
import logging
from collections import Counter
from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.artifacts.captions import VOCABULARY_FILE, read_captions
from components.artifacts.files import MATRIX_FILE, atomic_directory, write_json
from components.captioning.model.vocabulary import PAD, SPECIAL_TOKENS, Vocabulary
from components.embeddings.glove import glove_vectors
from components.embeddings.source import open_glove
from components.errors import DataError, SettingError

logger = logging.getLogger(__name__)

COVERAGE_FILE = "coverage.json"

_RULES = {
    "zeros": "all zeros",
    "normal": "drawn from a normal distribution with the mean and standard deviation that the "
    "found vectors have in each dimension, seeded by the word",
}


def build_embeddings(
    captions: str | Path, glove: str, directory: str | Path, *, seed: int
) -> dict[str, Any]:
    """Writes the embeddings artifact: `matrix.npy`, float32 [V, E], and `coverage.json`.

    Args:
        captions: The captions artifact's directory; its vocabulary has V ids.
        glove: See `open_glove`. Its vectors have E numbers.
        directory: Where the artifact goes.
        seed: For the vectors of words that GloVe lacks, from 0.

    Returns:
        The coverage, as in `coverage.json`: `source`, the text's name; `width`, E; `found`,
        how many words have GloVe's vector; `missing`: for each other word and mark the name of
        the rule that made its vector; `rules`: what these names mean; `train_token_share`: the
        share of the train split's words, counted as often as they occur, that have GloVe's
        vector, 0 to 1.

    Raises:
        DataError: If a line of the text is broken, or none of its words is in the vocabulary.
        SettingError: If `glove` names no single text, or `seed` is negative.
    """
    if seed < 0:
        raise SettingError(f"seed must be 0 or more. Received: {seed}")
    vocabulary = Vocabulary.load(Path(captions) / VOCABULARY_FILE)
    words = vocabulary.words[len(SPECIAL_TOKENS) :]
    with open_glove(glove) as text:
        found = dict(glove_vectors(text, words))
    if not found:
        raise DataError(
            f"GloVe must have words of the vocabulary, but {text.name} has none of its "
            f"{len(words)}: is it of the captions' language? Received: {glove}"
        )
    matrix = _matrix(vocabulary, found, seed)
    share = _train_token_share(Path(captions), vocabulary, found)
    coverage = {
        "source": text.name,
        "width": matrix.shape[1],
        "found": len(found),
        "missing": {
            word: "zeros" if index == PAD else "normal"
            for index, word in enumerate(vocabulary.words)
            if word not in found
        },
        "rules": _RULES,
        "train_token_share": share,
    }
    with atomic_directory(directory) as aside:
        np.save(aside / MATRIX_FILE, matrix)
        write_json(aside / COVERAGE_FILE, coverage)
    logger.info(
        "%s: vectors of %d numbers for %d of %d words (%.1f %% of the words in train captions)",
        text.name,
        matrix.shape[1],
        len(found),
        len(words),
        100 * share,
    )
    return coverage


def _matrix(
    vocabulary: Vocabulary, found: dict[str, NDArray[np.float32]], seed: int
) -> NDArray[np.float32]:
    # In the vocabulary's order: sums of floats depend on it, GloVe's order must not count.
    vectors = np.stack([found[word] for word in vocabulary.words if word in found])
    mean = vectors.mean(axis=0, dtype=np.float64)  # [found, E] -> [E]
    spread = vectors.std(axis=0, dtype=np.float64)  # [found, E] -> [E]
    matrix = np.zeros((len(vocabulary), mean.size), np.float32)
    for index, word in enumerate(vocabulary.words):
        if word in found:
            matrix[index] = found[word]
        elif index != PAD:
            matrix[index] = _generator(seed, word).normal(mean, spread)
    return matrix


def _generator(seed: int, word: str) -> np.random.Generator:
    """Returns a generator for one word: its vector stays when other words come or go."""
    digest = hashlib.sha256(word.encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])


def _train_token_share(captions: Path, vocabulary: Vocabulary, found: Container[str]) -> float:
    counts = Counter(
        index
        for photo in read_captions(captions)
        if photo.split == "train"
        for ids in photo.tokens
        for index in ids
    )
    covered = sum(count for index, count in counts.items() if vocabulary.words[index] in found)
    return covered / max(counts.total(), 1)
