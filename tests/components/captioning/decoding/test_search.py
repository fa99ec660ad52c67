import gc
import weakref
from collections.abc import Sequence

import numpy as np
import pytest

from components.captioning.decoding.search import (
    DecodingConfig,
    search_alternatives,
)
from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import CaptionNetwork, build_network
from components.captioning.model.vocabulary import END, PAD, START, UNK

# Three words besides the four special tokens, and captions of at most three words: 1 + 3 + 9 + 27.
WORDS = (4, 5, 6)
MAX_WORDS = 3
ALL_CAPTIONS = 40
# float16, as in the examples.
FEATURES = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float16)

Caption = tuple[int, ...]


def _network(seed: int) -> CaptionNetwork:
    config = ModelConfig(
        vocabulary_size=7,
        feature_width=5,
        embedding_width=3,
        units=8,
        dropout=0.0,
        train_embeddings=True,
    )
    network = build_network(config)
    random = np.random.default_rng(seed)
    for variable in network.trainable_variables:
        # Larger than initial weights, so that earlier words and the photo matter.
        variable.assign(random.normal(scale=1.2, size=variable.shape))
    return network


def _log_probabilities(logits: np.ndarray) -> np.ndarray:
    logits = np.asarray(logits, np.float64)  # [B, V]
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def _every_caption(network: CaptionNetwork, feature: np.ndarray) -> dict[Caption, float]:
    """Returns the log-probability of each possible caption of one photo, including END."""
    scores: dict[Caption, float] = {}
    partial: dict[Caption, float] = {(): 0.0}
    state, last_tokens = network.start(feature[np.newaxis].astype(np.float32)), [START]
    for position in range(MAX_WORDS + 1):
        logits, state = network.step(np.array(last_tokens), state)
        rows = _log_probabilities(logits)  # one per partial caption, in their order
        for (caption, score), row in zip(partial.items(), rows, strict=True):
            scores[caption] = score + row[END]
        if position == MAX_WORDS:
            break
        partial = {
            (*caption, word): score + row[word]
            for (caption, score), row in zip(partial.items(), rows, strict=True)
            for word in WORDS
        }
        last_tokens = [caption[-1] for caption in partial]
        state = tuple(np.repeat(np.asarray(part), len(WORDS), axis=0) for part in state)
    return scores


def _best(scores: dict[Caption, float], penalty: float) -> Caption:
    return max(scores, key=lambda caption: scores[caption] / (len(caption) + 1) ** penalty)


def _greedy(network: CaptionNetwork, feature: np.ndarray) -> Caption:
    """Picks the most probable token at each step."""
    state, token = network.start(feature[np.newaxis].astype(np.float32)), START
    caption: Caption = ()
    while len(caption) < MAX_WORDS:
        logits, state = network.step(np.array([token]), state)
        token = max((END, *WORDS), key=lambda word: float(logits[0][word]))
        if token == END:
            break
        caption = (*caption, token)
    return caption


def _row(caption: Caption) -> list[int]:
    return [*caption, END] + [PAD] * (MAX_WORDS - len(caption))


def _rows(captions: Sequence[Caption]) -> list[list[int]]:
    return [_row(caption) for caption in captions]


@pytest.fixture(scope="module")
def networks() -> list[CaptionNetwork]:
    return [_network(seed) for seed in range(3)]


@pytest.fixture(scope="module")
def every_caption(networks: list[CaptionNetwork]) -> list[list[dict[Caption, float]]]:
    return [[_every_caption(network, feature) for feature in FEATURES] for network in networks]


def test_every_caption_sums_to_the_expected_probability() -> None:
    # Checks the exhaustive search itself, with a network that generates no special token but END,
    # and gives the same probability to all other tokens.
    network = _network(seed=0)
    bias = np.zeros(7)
    bias[[PAD, START, UNK]] = -100
    output = network.decoders[0].output_projection
    output.set_weights([output.get_weights()[0] * 0, bias])
    scores = _every_caption(network, FEATURES[0])
    assert len(scores) == ALL_CAPTIONS
    # Each of the four tokens has 1/4: captions of 0 to 3 words have 1/4, 3/16, 9/64, 27/256.
    assert sum(np.exp(list(scores.values()))) == pytest.approx(1 / 4 + 3 / 16 + 9 / 64 + 27 / 256)


def _captions(network: CaptionNetwork, features: np.ndarray, config: DecodingConfig) -> np.ndarray:
    """Returns each photo's best caption."""
    return search_alternatives(network, features, config)[0][:, 0]


@pytest.mark.parametrize("penalty", [0.0, 0.7, 1.0, 2.0])
def test_search_alternatives_with_a_wide_enough_beam_finds_the_best_caption(
    penalty: float,
    networks: list[CaptionNetwork],
    every_caption: list[list[dict[Caption, float]]],
) -> None:
    network = _network(seed=0)
    config = DecodingConfig(ALL_CAPTIONS, penalty, MAX_WORDS)
    for other, scores in zip(networks, every_caption, strict=True):
        # New weights in the same network: the compiled step must not keep the old ones.
        network.set_weights(other.get_weights())
        tokens = _captions(network, FEATURES, config)
        assert tokens.tolist() == _rows([_best(photo, penalty) for photo in scores])


def test_every_caption_depends_on_penalty_photo_and_beam(
    networks: list[CaptionNetwork], every_caption: list[list[dict[Caption, float]]]
) -> None:
    # Otherwise a search that ignores penalty, photo or beam would pass the other tests.
    photos = [photo for scores in every_caption for photo in scores]
    best = {penalty: [_best(photo, penalty) for photo in photos] for penalty in (0.0, 1.0, 2.0)}
    greedy = [_greedy(network, feature) for network in networks for feature in FEATURES]
    assert best[0.0] != best[1.0] != best[2.0]
    assert greedy not in best.values()
    assert sum(map(len, best[0.0])) < sum(map(len, best[2.0]))
    assert {len(caption) for caption in best[1.0]} > {1, MAX_WORDS}


def test_search_alternatives_with_beam_width_1_is_greedy_search(
    networks: list[CaptionNetwork],
) -> None:
    tokens = _captions(networks[1], FEATURES, DecodingConfig(1, 1.0, MAX_WORDS))
    assert tokens.dtype == np.int32
    assert tokens.tolist() == _rows([_greedy(networks[1], feature) for feature in FEATURES])


def test_search_alternatives_does_not_depend_on_batching(
    networks: list[CaptionNetwork],
) -> None:
    config = DecodingConfig(3, 1.0, MAX_WORDS)
    batched = _captions(networks[0], FEATURES, config)
    single = [_captions(networks[0], feature[np.newaxis], config)[0] for feature in FEATURES]
    np.testing.assert_array_equal(batched, single)


def test_search_alternatives_of_no_photos(networks: list[CaptionNetwork]) -> None:
    tokens = _captions(networks[0], FEATURES[:0], DecodingConfig(3, 1.0, MAX_WORDS))
    assert tokens.shape == (0, MAX_WORDS + 1) and tokens.dtype == np.int32


def test_search_alternatives_does_not_keep_its_network_alive() -> None:
    network = _network(seed=0)
    _captions(network, FEATURES, DecodingConfig(2, 1.0, MAX_WORDS))
    reference = weakref.ref(network)
    del network
    gc.collect()
    assert reference() is None


@pytest.fixture(scope="module")
def longer_network() -> CaptionNetwork:
    return _network(seed=0)


def _search_with_bias(network: CaptionNetwork, ids: Sequence[int], bias: float) -> np.ndarray:
    """Searches with some tokens made much more, or much less, probable."""
    kernel, biases = _network(seed=0).decoders[0].output_projection.get_weights()
    biases[list(ids)] = bias
    network.decoders[0].output_projection.set_weights([kernel, biases])
    # More hypotheses than there are first tokens (three words and END).
    return _captions(network, FEATURES, DecodingConfig(6, 1.0, max_words=5))


def test_search_alternatives_never_generates_special_tokens(longer_network: CaptionNetwork) -> None:
    rows = _search_with_bias(longer_network, (PAD, START, UNK), 50).tolist()
    lengths = [row.index(END) for row in rows]
    for row, length in zip(rows, lengths, strict=True):
        assert set(row[:length]) <= set(WORDS)
        assert set(row[length + 1 :]) <= {PAD}
    assert max(lengths) > 1


def test_search_alternatives_stops_at_max_words(longer_network: CaptionNetwork) -> None:
    tokens = _search_with_bias(longer_network, [END], -50)  # never generated freely
    assert tokens.shape == (6, 6)
    assert (tokens[:, :5] > UNK).all()
    assert (tokens[:, 5] == END).all()


def test_search_alternatives_may_return_empty_captions(longer_network: CaptionNetwork) -> None:
    tokens = _search_with_bias(longer_network, [END], 50)
    assert tokens.tolist() == [[END, PAD, PAD, PAD, PAD, PAD]] * 6


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_search_alternatives_with_a_wide_enough_beam_ranks_every_caption(
    penalty: float,
    networks: list[CaptionNetwork],
    every_caption: list[list[dict[Caption, float]]],
) -> None:
    config = DecodingConfig(ALL_CAPTIONS, penalty, MAX_WORDS)
    tokens, scores = search_alternatives(networks[0], FEATURES, config)
    for rows, row_scores, photo in zip(tokens, scores, every_caption[0], strict=True):
        expected = {
            caption: score / (len(caption) + 1) ** penalty for caption, score in photo.items()
        }
        ranked = sorted(expected, key=lambda caption: -expected[caption])
        assert rows.tolist() == _rows(ranked)
        np.testing.assert_allclose(row_scores, [expected[caption] for caption in ranked], rtol=1e-4)


def test_search_alternatives_returns_as_many_as_the_beam_is_wide_best_first(
    networks: list[CaptionNetwork],
) -> None:
    tokens, scores = search_alternatives(networks[2], FEATURES, DecodingConfig(3, 1.0, MAX_WORDS))
    assert tokens.shape == (6, 3, MAX_WORDS + 1) and tokens.dtype == np.int32
    assert (np.diff(scores, axis=1) <= 0).all()


def test_search_alternatives_scores_missing_captions_minus_infinity() -> None:
    # At most one word: the empty caption, or one of three words. A beam of six has two empty slots,
    # which a penalty this high would rank above real captions if they had a finite score.
    tokens, scores = search_alternatives(_network(seed=0), FEATURES, DecodingConfig(6, 40.0, 1))
    assert np.isfinite(scores).sum(axis=1).tolist() == [4] * 6
    assert np.isneginf(scores[:, 4:]).all()
    captions = {tuple(row) for photo in tokens[:, :4].tolist() for row in photo}
    assert captions == {(END, PAD), (4, END), (5, END), (6, END)}
