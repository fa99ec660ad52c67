from typing import Any

import keras
import numpy as np
import pytest

from components.captioning.inference.saliency import (
    occlude,
    occlusion_saliency,
    word_saliency,
    word_weights,
)
from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import CaptionNetwork, build_network
from components.captioning.model.vocabulary import START

RED, BLUE = 4, 5


@pytest.fixture
def network() -> CaptionNetwork:
    """The logit of "red" is tanh of the first feature, that of "blue" tanh of the second.

    The photo's features are the initial cell state of the LSTM. Its forget and output gates are
    open and its input gate is closed, so the logits do not depend on earlier words.
    """
    network = build_network(ModelConfig(6, 2, 1, 2, 0.0, True, "init_inject"))
    decoder = network.decoders[0]
    decoder.embedding.set_weights([np.zeros((6, 1))])
    decoder.start_hidden.set_weights([np.zeros((2, 2)), np.zeros(2)])
    decoder.start_cell.set_weights([np.eye(2), np.zeros(2)])
    gates = np.repeat([-30.0, 30.0, 0.0, 30.0], 2)  # input, forget, candidate, output
    decoder.lstm.set_weights([np.zeros((1, 8)), np.zeros((2, 8)), gates])
    kernel = np.zeros((2, 6))
    kernel[0, RED] = kernel[1, BLUE] = 1.0
    decoder.output_projection.set_weights([kernel, np.full(6, 0.0)])
    return network


def _log_probability(word: int, red: float, blue: float) -> float:
    logits = np.array([0, 0, 0, 0, np.tanh(red), np.tanh(blue)])
    return float(logits[word] - np.log(np.exp(logits).sum()))


def test_word_weights_are_the_drop_in_log_probability_without_a_cell(
    network: CaptionNetwork,
) -> None:
    cells = np.array([[3.0, 0.0], [0.0, 0.3], [0.0, 0.0]], np.float32)
    weights = word_weights(network, cells, [RED, BLUE])
    # The mean is (1, 0.1); without the first cell it is (0, 0.15), without the second (1.5, 0).
    occluded = [(0.0, 0.15), (1.5, 0.0), (1.5, 0.15)]
    expected = [
        [_log_probability(word, 1.0, 0.1) - _log_probability(word, *other) for other in occluded]
        for word in (RED, BLUE)
    ]
    np.testing.assert_allclose(weights, expected, atol=1e-5)
    assert weights[0].argmax() == 0


def test_word_saliency_of_each_word_and_its_place(network: CaptionNetwork) -> None:
    cells = np.zeros((6, 6, 2), np.float32)
    cells[4:, :2, 0] = 3.0
    cells[0, 5, 1] = 3.0
    red, blue = word_saliency(network, cells, "red blue", [RED, BLUE])
    assert (red.word, red.place) == ("red", "lower left")
    assert (blue.word, blue.place) == ("blue", "upper right")
    assert max(red.cells.max(), blue.cells.max()) == 1.0
    assert (red.cells[4:, :2] > 0.3).all()
    assert np.count_nonzero(red.cells > 0.3) == 4
    # Negative contributions are clipped to 0.
    assert red.cells[0, 5] == 0.0


@pytest.mark.parametrize("level", [0.0, 0.1])
def test_word_saliency_of_a_uniform_photo_has_no_place(
    network: CaptionNetwork, level: float
) -> None:
    (word,) = word_saliency(network, np.full((3, 3, 2), level, np.float32), "red", [RED])
    assert word.place == ""
    assert word.cells.max() < 0.01


@pytest.mark.parametrize(
    ("side", "columns"), [(1, "m"), (2, "lr"), (3, "lmr"), (7, "llmmmrr"), (8, "lllmmrrr")]
)
def test_word_saliency_divides_both_sides_into_thirds(
    network: CaptionNetwork, side: int, columns: str
) -> None:
    places = []
    for column in range(side):
        cells = np.zeros((3, side, 2), np.float32)
        cells[1, column, 0] = 3 * side
        places.append(word_saliency(network, cells, "red", [RED])[0].place[0])
        transposed = word_saliency(network, cells.transpose(1, 0, 2), "red", [RED])[0].place
        assert transposed == {"l": "upper", "m": "middle", "r": "lower"}[columns[column]]
    assert "".join(places) == columns


def test_word_saliency_prefers_a_place_inside_the_photo_to_one_at_its_border(
    network: CaptionNetwork,
) -> None:
    cells = np.zeros((8, 8, 2), np.float32)
    cells[0, 0, 0], cells[4, 4, 0] = 7.0, 10.0
    assert word_saliency(network, cells, "red", [RED])[0].place == "middle"


def test_word_saliency_without_words_or_parts_is_empty(network: CaptionNetwork) -> None:
    assert word_saliency(network, np.ones((3, 3, 2), np.float32), "", []) == []
    assert word_saliency(network, np.ones((1, 1, 2), np.float32), "red", [RED]) == []


@pytest.mark.parametrize(("decoder", "ensemble_size"), [("init_inject", 1), ("par_inject", 3)])
def test_word_weights_agree_with_single_decode_steps(decoder: Any, ensemble_size: int) -> None:
    network = build_network(ModelConfig(6, 2, 3, 4, 0.0, True, decoder, ensemble_size), seed=1)
    cells = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    weights = word_weights(network, cells, [RED, BLUE, RED])
    assert weights.shape == (3, 100)
    features = np.stack([cells.mean(axis=0), np.delete(cells, 77, axis=0).mean(axis=0)])
    state, tokens = network.start(features), np.array([START, START])
    for position, word in enumerate([RED, BLUE, RED]):
        logits, state = network.step(tokens, state)
        whole, without = np.asarray(keras.ops.log_softmax(logits))[:, word]
        assert weights[position, 77] == pytest.approx(whole - without, abs=1e-5)
        tokens = np.array([word, word])


def test_occlude_covers_each_part_with_the_mean_colour() -> None:
    photo = np.zeros((12, 12, 3), np.uint8)
    photo[:6, :, 0] = 100
    whole, *copies = occlude(photo)
    assert np.array_equal(whole, photo) and len(copies) == 36
    # Of the last part: the two lowest rows, and the two columns furthest right.
    expected = photo.copy()
    expected[10:, 10:] = (50, 0, 0)
    assert np.array_equal(copies[-1], expected)
    assert (copies[1][:2, 2:4] == (50, 0, 0)).all() and (copies[1][:2, :2] == (100, 0, 0)).all()


def test_occlude_covers_a_photo_whose_side_is_no_multiple_of_the_parts() -> None:
    photo = np.full((8, 8, 3), 9, np.uint8)
    photo[0, 0] = 0
    changed = sum((copy != photo).any(axis=-1) for copy in occlude(photo)[1:])
    assert changed.max() == 1 and changed[0, 0] == 1


def test_occlusion_saliency_is_the_drop_in_log_probability(network: CaptionNetwork) -> None:
    features = np.tile(np.float32([1.0, 0.1]), (37, 1))
    features[1 + 30] = [0.0, 0.1]  # without the part in the lower left, the photo is not red
    features[1 + 5] = [1.0, -1.0]  # the upper right is what is blue
    red, blue = occlusion_saliency(network, features, "red blue", [RED, BLUE])
    assert (red.word, red.place, blue.place) == ("red", "lower left", "upper right")
    assert red.cells.shape == (6, 6) and red.cells.argmax() == 30
    drops = [
        _log_probability(RED, 1.0, 0.1) - _log_probability(RED, 0.0, 0.1),
        _log_probability(BLUE, 1.0, 0.1) - _log_probability(BLUE, 1.0, -1.0),
    ]
    assert red.cells[5, 0] == pytest.approx(drops[0] / max(drops), abs=1e-4)
    assert occlusion_saliency(network, features, "", []) == []
