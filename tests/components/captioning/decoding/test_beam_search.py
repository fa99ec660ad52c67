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
)
from components.captioning.model.vocabulary import END, PAD, START

VOCABULARY_SIZE = 14
GENERATED = (END, *range(4, VOCABULARY_SIZE))
MAX_WORDS = 7
FEATURES = np.random.default_rng(7).normal(size=(9, 4)).astype(np.float16)

#: A hypothesis: its tokens, with END once it is finished, and their log-probability.
Hypothesis = tuple[tuple[int, ...], float]


class TinyNetwork:
    """A network whose weights are NumPy arrays, so that its output can be computed by hand.

    Its state has a dynamic part, the hidden state, and a static one, the photo.
    """

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)

        def matrix(*shape: int) -> np.ndarray:
            return random.normal(scale=0.9, size=shape).astype(np.float32)

        self.config = SimpleNamespace(vocabulary_size=VOCABULARY_SIZE)
        self.embedding, self.output = matrix(VOCABULARY_SIZE, 6), matrix(6, VOCABULARY_SIZE)
        self.recurrent, self.projection = matrix(6, 6), matrix(4, 6)
        # Makes captions about four words long.
        self.bias = np.eye(VOCABULARY_SIZE, dtype=np.float32)[END]
        self.traced = 0  # how often the step was traced
        self.rows: list[int] = []  # number of rows of each step

    def start(self, features: Any) -> tuple[Any, ...]:
        features = ops.convert_to_tensor(features, "float32")
        return ops.matmul(features, self.projection), features

    def step(self, tokens: Any, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        self.traced += 1
        tokens = ops.convert_to_tensor(tokens)
        tf.py_function(lambda tokens: self.rows.append(len(tokens)), [tokens], [])
        hidden, photo = state
        inputs = ops.take(self.embedding, tokens, axis=0) + ops.matmul(photo, self.projection)
        hidden = ops.tanh(inputs + ops.matmul(hidden, self.recurrent))
        return ops.matmul(hidden, self.output) + self.bias, (hidden, photo)

    def next_log_probabilities(self, feature: np.ndarray, tokens: tuple[int, ...]) -> np.ndarray:
        """Returns the next token's log-probabilities, computed from scratch in float64."""
        photo = feature.astype(np.float64)
        hidden = photo @ self.projection
        for token in (START, *tokens):
            hidden = np.tanh(
                self.embedding[token] + photo @ self.projection + hidden @ self.recurrent
            )
        logits = hidden @ self.output.astype(np.float64) + self.bias
        return logits - np.log(np.exp(logits).sum())


def _textbook_search(
    network: TinyNetwork, feature: np.ndarray, width: int, word_scores: np.ndarray | None = None
) -> list[list[Hypothesis]]:
    """Textbook beam search: returns the beam after each token, the last one first."""
    beams: list[list[Hypothesis]] = [[((), 0.0)]]
    for position in range(MAX_WORDS + 1):
        expanded: list[Hypothesis] = []
        for tokens, score in beams[0]:
            if tokens[-1:] == (END,):
                expanded.append((tokens, score))
                continue
            row = network.next_log_probabilities(feature, tokens)
            if word_scores is not None:
                unused = ~np.isin(np.arange(VOCABULARY_SIZE), tokens)
                row = row + unused * word_scores
                row -= np.log(np.exp(row).sum())
            allowed = GENERATED if position < MAX_WORDS else (END,)
            expanded += [((*tokens, token), score + row[token]) for token in allowed]
        beams.insert(0, sorted(expanded, key=lambda hypothesis: -hypothesis[1])[:width])
    return beams


def _ranked(beam: list[Hypothesis], penalty: float) -> list[tuple[list[int], float]]:
    """Returns padded rows with their scores, best first."""
    rows = [
        ([*tokens] + [PAD] * (MAX_WORDS + 1 - len(tokens)), score / len(tokens) ** penalty)
        for tokens, score in beam
    ]
    return sorted(rows, key=lambda row: -row[1])


@pytest.fixture(scope="module", params=[1, 2])
def network(request: pytest.FixtureRequest) -> TinyNetwork:
    return TinyNetwork(request.param)


@pytest.mark.parametrize("width", [1, 2, 5, 30])
def test_beam_search_agrees_with_a_textbook_search(network: Any, width: int) -> None:
    beams = [_textbook_search(network, feature, width)[0] for feature in FEATURES]
    for penalty in (0.0, 0.7, 1.0):
        expected = [_ranked(beam, penalty) for beam in beams]
        config = DecodingConfig(width, penalty, MAX_WORDS)
        tokens, scores = search_alternatives(network, FEATURES, config)
        assert tokens.tolist() == [[row for row, _ in photo] for photo in expected]
        np.testing.assert_allclose(
            scores, [[score for _, score in photo] for photo in expected], rtol=1e-4
        )


def test_beam_search_with_word_scores_selects_by_guided_and_returns_own_probabilities(
    network: Any,
) -> None:
    word_scores = np.random.default_rng(5).normal(size=(len(FEATURES), VOCABULARY_SIZE))
    word_scores[:, [PAD, START, END]] = 0.0
    expected, unguided = [
        [
            [tokens for tokens, _ in _textbook_search(network, feature, 5, scores)[0]]
            for feature, scores in zip(FEATURES, photos, strict=True)
        ]
        for photos in (word_scores, [None] * len(FEATURES))
    ]
    beams = beam_search(
        network,
        FEATURES,
        beam_width=5,
        max_words=MAX_WORDS,
        word_scores=word_scores.astype(np.float32),
    )
    found = [[tuple(row[row != PAD].tolist()) for row in rows] for rows in beams.tokens]

    assert found == expected != unguided
    for feature, rows, totals in zip(FEATURES, found, beams.log_probabilities, strict=True):
        own = [
            sum(network.next_log_probabilities(feature, row[:i])[row[i]] for i in range(len(row)))
            for row in rows
        ]
        np.testing.assert_allclose(totals, own, rtol=1e-4)


def test_textbook_search_depends_on_width_penalty_photo_and_length(network: Any) -> None:
    # Otherwise the test above would prove little.
    beams = {
        width: [_textbook_search(network, feature, width)[0] for feature in FEATURES]
        for width in (1, 2, 5)
    }
    best = {
        (width, penalty): [_ranked(beam, penalty)[0][0] for beam in photos]
        for width, photos in beams.items()
        for penalty in (0.0, 1.0)
    }
    assert best[1, 1.0] != best[2, 1.0] != best[5, 1.0] != best[5, 0.0]
    lengths = {row.index(END) for row in best[5, 1.0]}
    assert len(lengths) > 2


@pytest.mark.parametrize("width", [1, 5])
def test_beam_search_computes_live_hypotheses_only_and_each_token_once(width: int) -> None:
    network: Any = TinyNetwork(1)
    beam_search(network, FEATURES, beam_width=width, max_words=MAX_WORDS)  # compiles
    network.rows.clear()
    beam_search(network, FEATURES, beam_width=width, max_words=MAX_WORDS)
    live = np.zeros(MAX_WORDS + 1, int)
    for feature in FEATURES:
        beams = _textbook_search(network, feature, width)[:0:-1]  # before each token
        live += [sum(tokens[-1:] != (END,) for tokens, _ in beam) for beam in beams]
    assert network.rows == [rows for rows in live.tolist() if rows]
    assert live[0] == len(FEATURES) and 0 < live[-2] < width * len(FEATURES)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_beam_search_result_does_not_depend_on_batch_size(network: Any, batch_size: int) -> None:
    whole = beam_search(network, FEATURES, beam_width=5, max_words=MAX_WORDS)
    parts = beam_search(network, FEATURES, beam_width=5, max_words=MAX_WORDS, batch_size=batch_size)
    np.testing.assert_array_equal(parts.tokens, whole.tokens)
    np.testing.assert_allclose(parts.log_probabilities, whole.log_probabilities, rtol=1e-5)


def test_beam_search_compiles_once_for_all_widths_and_batch_sizes() -> None:
    network: Any = TinyNetwork(1)
    for width, photos in ((1, 9), (5, 9), (3, 2)):
        beam_search(network, FEATURES[:photos], beam_width=width, max_words=MAX_WORDS)
    # Once to find the static parts of the state, once to compile.
    assert network.traced == 2


def test_ranked_with_several_penalties() -> None:
    # Two captions of one photo: one word at -2, three words at -3; 2 and 4 tokens with END.
    tokens = np.array([[[4, END, PAD, PAD], [4, 5, 6, END]]], np.int32)
    beams = Beams(tokens, np.array([[-2.0, -3.0]]))
    assert beams.ranked(0.0)[0][:, 0].tolist() == [[4, END, PAD, PAD]]
    assert beams.ranked(1.0)[0][:, 0].tolist() == [[4, 5, 6, END]]
    ranked, scores = beams.ranked(1.0)
    assert ranked.tolist() == tokens[:, ::-1].tolist()
    assert scores.tolist() == [[-0.75, -1.0]]
    assert beams.ranked(0.5)[1][0].tolist() == pytest.approx([-2 / 2**0.5, -1.5])


def test_ranked_puts_missing_captions_last() -> None:
    tokens = np.array([[[PAD, PAD], [END, PAD]]], np.int32)
    ranked, scores = Beams(tokens, np.array([[-np.inf, -2.0]])).ranked(1.0)
    assert ranked.tolist() == [[[END, PAD], [PAD, PAD]]]
    assert scores.tolist() == [[-2.0, -np.inf]]
