from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from components.captioning.decoding.beam_search import Beams, beam_search
from components.captioning.decoding.search import (
    DecodingConfig,
    search_alternatives,
    search_captions,
)
from components.captioning.model.vocabulary import END, PAD, START

VOCABULARY_SIZE = 14
SAID = (END, *range(4, VOCABULARY_SIZE))
MAX_WORDS = 7
FEATURES = np.random.default_rng(7).normal(size=(9, 4)).astype(np.float16)

#: Words, END included once it is said, and their log-probability.
Caption = tuple[tuple[int, ...], float]


class TinyNetwork:
    """A network whose weights are there as numpy arrays, to be computed by hand too.

    Its state has a part that each word changes and one that lasts, the photo.
    """

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)

        def matrix(*shape: int) -> np.ndarray:
            return random.normal(scale=0.9, size=shape).astype(np.float32)

        self.config = SimpleNamespace(vocabulary_size=VOCABULARY_SIZE)
        self.embedding, self.words = matrix(VOCABULARY_SIZE, 6), matrix(6, VOCABULARY_SIZE)
        self.before, self.sight = matrix(6, 6), matrix(4, 6)
        # Captions of about four words.
        self.bias = np.eye(VOCABULARY_SIZE, dtype=np.float32)[END]
        self.traced = 0  # how often the step ran as Python
        self.rows: list[int] = []  # how many rows each step computed

    def start(self, features: Any) -> tuple[Any, ...]:
        features = ops.convert_to_tensor(features, "float32")
        return ops.matmul(features, self.sight), features

    def step(self, words: Any, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        self.traced += 1
        words = ops.convert_to_tensor(words)
        tf.py_function(lambda words: self.rows.append(len(words)), [words], [])
        hidden, photo = state
        seen = ops.take(self.embedding, words, axis=0) + ops.matmul(photo, self.sight)
        hidden = ops.tanh(seen + ops.matmul(hidden, self.before))
        return ops.matmul(hidden, self.words) + self.bias, (hidden, photo)

    def by_hand(self, feature: np.ndarray, said: tuple[int, ...]) -> np.ndarray:
        """Returns the next word's log-probabilities, from the first word on, in float64."""
        photo = feature.astype(np.float64)
        hidden = photo @ self.sight
        for word in (START, *said):
            hidden = np.tanh(self.embedding[word] + photo @ self.sight + hidden @ self.before)
        logits = hidden @ self.words.astype(np.float64) + self.bias
        return logits - np.log(np.exp(logits).sum())


def _plain_search(network: TinyNetwork, feature: np.ndarray, width: int) -> list[list[Caption]]:
    """Beam search as in the books: returns the beam after each word, the last one first."""
    beams: list[list[Caption]] = [[((), 0.0)]]
    for place in range(MAX_WORDS + 1):
        following: list[Caption] = []
        for words, score in beams[0]:
            if words[-1:] == (END,):
                following.append((words, score))
                continue
            row = network.by_hand(feature, words)
            possible = SAID if place < MAX_WORDS else (END,)
            following += [((*words, word), score + row[word]) for word in possible]
        beams.insert(0, sorted(following, key=lambda caption: -caption[1])[:width])
    return beams


def _ranked(beam: list[Caption], penalty: float) -> list[tuple[list[int], float]]:
    """Returns full rows with their scores, best first."""
    rows = [
        ([*words] + [PAD] * (MAX_WORDS + 1 - len(words)), score / len(words) ** penalty)
        for words, score in beam
    ]
    return sorted(rows, key=lambda row: -row[1])


@pytest.fixture(scope="module", params=[1, 2])
def network(request: pytest.FixtureRequest) -> TinyNetwork:
    return TinyNetwork(request.param)


@pytest.mark.parametrize("width", [1, 2, 5, 30])
def test_search_finds_what_a_plain_search_finds(network: Any, width: int) -> None:
    plain = [_plain_search(network, feature, width)[0] for feature in FEATURES]
    for penalty in (0.0, 0.7, 1.0):
        by_hand = [_ranked(beam, penalty) for beam in plain]
        config = DecodingConfig(width, penalty, MAX_WORDS)
        words, scores = search_alternatives(network, FEATURES, config)
        assert words.tolist() == [[row for row, _ in photo] for photo in by_hand]
        np.testing.assert_allclose(
            scores, [[score for _, score in photo] for photo in by_hand], rtol=1e-4
        )
        assert search_captions(network, FEATURES, config).tolist() == words[:, 0].tolist()


def test_plain_search_shows_what_the_cases_are_worth(network: Any) -> None:
    # Without differences between widths, penalties, photos and lengths the test above were easy.
    beams = {
        width: [_plain_search(network, feature, width)[0] for feature in FEATURES]
        for width in (1, 2, 5)
    }
    best = {
        (width, penalty): [_ranked(beam, penalty)[0][0] for beam in found]
        for width, found in beams.items()
        for penalty in (0.0, 1.0)
    }
    assert best[1, 1.0] != best[2, 1.0] != best[5, 1.0] != best[5, 0.0]
    lengths = {row.index(END) for row in best[5, 1.0]}
    assert len(lengths) > 2


@pytest.mark.parametrize("width", [1, 5])
def test_search_computes_live_captions_only_and_each_word_once(width: int) -> None:
    network: Any = TinyNetwork(1)
    beam_search(network, FEATURES, beam_width=width, max_words=MAX_WORDS)  # compiles
    network.rows.clear()
    beam_search(network, FEATURES, beam_width=width, max_words=MAX_WORDS)
    live = np.zeros(MAX_WORDS + 1, int)
    for feature in FEATURES:
        beams = _plain_search(network, feature, width)[:0:-1]  # before each word
        live += [sum(words[-1:] != (END,) for words, _ in beam) for beam in beams]
    assert network.rows == [rows for rows in live.tolist() if rows]
    assert live[0] == len(FEATURES) and 0 < live[-2] < width * len(FEATURES)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_search_in_smaller_batches_finds_the_same(network: Any, batch_size: int) -> None:
    whole = beam_search(network, FEATURES, beam_width=5, max_words=MAX_WORDS)
    parts = beam_search(network, FEATURES, beam_width=5, max_words=MAX_WORDS, batch_size=batch_size)
    np.testing.assert_array_equal(parts.words, whole.words)
    np.testing.assert_allclose(parts.log_probabilities, whole.log_probabilities, rtol=1e-5)


def test_search_compiles_once_for_all_widths_and_numbers_of_photos() -> None:
    network: Any = TinyNetwork(1)
    for width, photos in ((1, 9), (5, 9), (3, 2)):
        beam_search(network, FEATURES[:photos], beam_width=width, max_words=MAX_WORDS)
    # Once to see which parts of the state last, once to be compiled.
    assert network.traced == 2


def test_ranked_by_many_penalties() -> None:
    # Two captions of one photo: one word at -2, three at -3; with the end 2 and 4 places.
    words = np.array([[[4, END, PAD, PAD], [4, 5, 6, END]]], np.int32)
    beams = Beams(words, np.array([[-2.0, -3.0]]))
    assert beams.best(0.0).tolist() == [[4, END, PAD, PAD]]
    assert beams.best(1.0).tolist() == [[4, 5, 6, END]]
    ranked, scores = beams.ranked(1.0)
    assert ranked.tolist() == words[:, ::-1].tolist()
    assert scores.tolist() == [[-0.75, -1.0]]
    assert beams.ranked(0.5)[1][0].tolist() == pytest.approx([-2 / 2**0.5, -1.5])


def test_ranked_where_no_caption_is() -> None:
    words = np.array([[[PAD, PAD], [END, PAD]]], np.int32)
    ranked, scores = Beams(words, np.array([[-np.inf, -2.0]])).ranked(1.0)
    assert ranked.tolist() == [[[END, PAD], [PAD, PAD]]]
    assert scores.tolist() == [[-2.0, -np.inf]]
