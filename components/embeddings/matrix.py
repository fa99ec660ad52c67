"""The embedding matrix of a vocabulary, initialized from GloVe vectors."""

import hashlib
import logging
from collections import Counter
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.artifacts.captions import VOCABULARY_FILE, read_captions
from components.artifacts.files import COVERAGE_FILE, MATRIX_FILE, atomic_directory, write_json
from components.captioning.model.vocabulary import PAD, SPECIAL_TOKENS, Vocabulary
from components.embeddings.glove import glove_vectors
from components.embeddings.source import open_glove
from components.errors import DataError, SettingError
from components.settings.data import NO_GLOVE

logger = logging.getLogger(__name__)

_RULES = {
    "zeros": "all zeros",
    "normal": "drawn from a normal distribution with the mean and standard deviation of the GloVe "
    "vectors found, per dimension, seeded by the word",
    "random": "no GloVe vectors: each decoder draws its own when training starts",
}


def build_embeddings(
    captions: str | Path, glove: str, directory: str | Path, *, seed: int
) -> dict[str, Any]:
    """Writes the embeddings artifact: `matrix.npy`, float32 [V, E], and `coverage.json`.

    Without GloVe vectors (`none`), E is 0: `train` then draws the embeddings at random.

    Args:
        captions: The directory of the captions artifact, whose vocabulary has V words.
        glove: `none`, or a GloVe text as for `open_glove`, whose vectors have E dimensions.
        directory: Where the artifact is written.
        seed: Seed for the random vectors of words that GloVe lacks.

    Returns:
        The content of `coverage.json`: `source`, the name of the GloVe file; `width`, E; `found`,
        the number of words with a GloVe vector; `missing`, for every other word and special token
        the name of the rule that produced its vector; `rules`, the meaning of these names;
        `train_token_share`, the share of tokens in the train split that have a GloVe vector, 0 to
        1.

    Raises:
        DataError: If a line of the file is invalid, or none of its words is in the vocabulary.
        SettingError: If `glove` does not name a single file, or `seed` is negative.
    """
    if seed < 0:
        raise SettingError(f"seed must be 0 or more. Received: {seed}")
    vocabulary = Vocabulary.load(Path(captions) / VOCABULARY_FILE)
    words = vocabulary.words[len(SPECIAL_TOKENS) :]
    if glove == NO_GLOVE:
        name, rule = NO_GLOVE, "random"
        found: dict[str, NDArray[np.float32]] = {}
        matrix = np.zeros((len(vocabulary), 0), np.float32)
    else:
        name, found = _find_vectors(glove, words)
        rule, matrix = "normal", _matrix(vocabulary, found, seed)
    share = _train_token_share(Path(captions), vocabulary, found)
    missing = {
        word: "zeros" if index == PAD and found else rule
        for index, word in enumerate(vocabulary.words)
        if word not in found
    }
    coverage = {
        "source": name,
        "width": matrix.shape[1],
        "found": len(found),
        "missing": missing,
        "rules": {name: _RULES[name] for name in sorted({*missing.values()})},
        "train_token_share": share,
    }
    with atomic_directory(directory) as aside:
        np.save(aside / MATRIX_FILE, matrix)
        write_json(aside / COVERAGE_FILE, coverage)
    if not found:
        logger.info("No GloVe vectors: the embeddings of %d words start at random", len(words))
    else:
        logger.info(
            "%s: %d-dimensional vectors for %d of %d words (%.1f %% of the train tokens)",
            name,
            matrix.shape[1],
            len(found),
            len(words),
            100 * share,
        )
    return coverage


def _find_vectors(glove: str, words: Sequence[str]) -> tuple[str, dict[str, NDArray[np.float32]]]:
    with open_glove(glove) as text:
        found = dict(glove_vectors(text, words))
    if not found:
        raise DataError(
            f"{text.name} must contain words of the vocabulary. Received: none of its {len(words)} "
            f"words in {glove}. Use vectors in the language of the captions, or --glove none"
        )
    return text.name, found


def _matrix(
    vocabulary: Vocabulary, found: dict[str, NDArray[np.float32]], seed: int
) -> NDArray[np.float32]:
    # In the order of the vocabulary: floating-point sums depend on the order, and the result must
    # not depend on that of the GloVe file.
    vectors = np.stack([found[word] for word in vocabulary.words if word in found])
    mean = vectors.mean(axis=0, dtype=np.float64)  # [found, E] -> [E]
    std = vectors.std(axis=0, dtype=np.float64)  # [found, E] -> [E]
    matrix = np.zeros((len(vocabulary), mean.size), np.float32)
    for index, word in enumerate(vocabulary.words):
        if word in found:
            matrix[index] = found[word]
        elif index != PAD:
            matrix[index] = _generator(seed, word).normal(mean, std)
    return matrix


def _generator(seed: int, word: str) -> np.random.Generator:
    """Returns a generator for one word, so that its vector does not depend on the other words."""
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
