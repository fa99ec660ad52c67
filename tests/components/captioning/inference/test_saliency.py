from typing import Any

import keras
import numpy as np
import pytest

from components.captioning.inference.saliency import word_saliency, word_weights
from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import CaptionNetwork, build_network
from components.captioning.model.vocabulary import START

RED, BLUE = 4, 5


@pytest.fixture
def network() -> CaptionNetwork:
    """Says "red" as much as the first feature says, and "blue" as much as the second.

    The photo's features start the LSTM, whose forget gate is open and whose other gates give
    back what is kept: the logit of a word is tanh of its feature, whatever was said before.
    """
    network = build_network(ModelConfig(6, 2, 1, 2, 0.0, True, "lstm"))
    decoder = network.decoders[0]
    decoder.embedding.set_weights([np.zeros((6, 1))])
    decoder.start_hidden.set_weights([np.zeros((2, 2)), np.zeros(2)])
    decoder.start_cell.set_weights([np.eye(2), np.zeros(2)])
    gates = np.repeat([-30.0, 30.0, 0.0, 30.0], 2)  # input, forget, candidate, output
    decoder.lstm.set_weights([np.zeros((1, 8)), np.zeros((2, 8)), gates])
    scores = np.zeros((2, 6))
    scores[0, RED] = scores[1, BLUE] = 1.0
    decoder.words.set_weights([scores, np.full(6, 0.0)])
    return network


def _log_probability(word: int, red: float, blue: float) -> float:
    logits = np.array([0, 0, 0, 0, np.tanh(red), np.tanh(blue)])
    return float(logits[word] - np.log(np.exp(logits).sum()))


def test_word_weights_are_what_a_word_loses_without_a_cell(network: CaptionNetwork) -> None:
    cells = np.array([[3.0, 0.0], [0.0, 0.3], [0.0, 0.0]], np.float32)
    weights = word_weights(network, cells, [RED, BLUE])
    # The mean is (1, 0.1); without the first cell it is (0, 0.15), without the second (1.5, 0).
    without = [(0.0, 0.15), (1.5, 0.0), (1.5, 0.15)]
    expected = [
        [_log_probability(word, 1.0, 0.1) - _log_probability(word, *other) for other in without]
        for word in (RED, BLUE)
    ]
    np.testing.assert_allclose(weights, expected, atol=1e-5)
    assert weights[0].argmax() == 0


def test_look_tells_each_words_part_and_place(network: CaptionNetwork) -> None:
    cells = np.zeros((6, 6, 2), np.float32)
    cells[4:, :2, 0] = 3.0
    cells[0, 5, 1] = 3.0
    red, blue = word_saliency(network, cells, "red blue", [RED, BLUE])
    assert (red.word, red.place) == ("red", "lower left")
    assert (blue.word, blue.place) == ("blue", "upper right")
    assert max(red.cells.max(), blue.cells.max()) == 1.0
    assert (red.cells[4:, :2] > 0.3).all()
    assert np.count_nonzero(red.cells > 0.3) == 4
    # What speaks against a word is nothing.
    assert red.cells[0, 5] == 0.0


@pytest.mark.parametrize("level", [0.0, 0.1])
def test_look_at_a_photo_that_is_the_same_everywhere_finds_no_place(
    network: CaptionNetwork, level: float
) -> None:
    (alone,) = word_saliency(network, np.full((3, 3, 2), level, np.float32), "red", [RED])
    assert alone.place == ""
    assert alone.cells.max() < 0.01


@pytest.mark.parametrize(
    ("side", "columns"), [(1, "m"), (2, "lr"), (3, "lmr"), (7, "llmmmrr"), (8, "lllmmrrr")]
)
def test_look_tells_places_by_thirds_alike_on_both_sides(
    network: CaptionNetwork, side: int, columns: str
) -> None:
    told = []
    for column in range(side):
        cells = np.zeros((3, side, 2), np.float32)
        cells[1, column, 0] = 3 * side
        told.append(word_saliency(network, cells, "red", [RED])[0].place[0])
        across = word_saliency(network, cells.transpose(1, 0, 2), "red", [RED])[0].place
        assert across == {"l": "upper", "m": "middle", "r": "lower"}[columns[column]]
    assert "".join(told) == columns


def test_look_finds_a_place_within_the_photo_rather_than_at_its_border(
    network: CaptionNetwork,
) -> None:
    cells = np.zeros((8, 8, 2), np.float32)
    cells[0, 0, 0], cells[4, 4, 0] = 7.0, 10.0
    assert word_saliency(network, cells, "red", [RED])[0].place == "middle"


def test_look_without_words_or_parts_finds_nothing(network: CaptionNetwork) -> None:
    assert word_saliency(network, np.ones((3, 3, 2), np.float32), "", []) == []
    assert word_saliency(network, np.ones((1, 1, 2), np.float32), "red", [RED]) == []


@pytest.mark.parametrize(("decoder", "ensemble_size"), [("init_inject", 1), ("par_inject", 3)])
def test_word_weights_of_one_cell_after_the_other_and_of_all_at_once_agree(
    decoder: Any, ensemble_size: int
) -> None:
    network = build_network(ModelConfig(6, 2, 3, 4, 0.0, True, decoder, ensemble_size), seed=1)
    cells = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    weights = word_weights(network, cells, [RED, BLUE, RED])
    assert weights.shape == (3, 100)
    features = np.stack([cells.mean(axis=0), np.delete(cells, 77, axis=0).mean(axis=0)])
    state, said = network.start(features), np.array([START, START])
    for place, word in enumerate([RED, BLUE, RED]):
        logits, state = network.step(said, state)
        whole, without = np.asarray(keras.ops.log_softmax(logits))[:, word]
        assert weights[place, 77] == pytest.approx(whole - without, abs=1e-5)
        said = np.array([word, word])
