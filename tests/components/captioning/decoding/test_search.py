import gc
import weakref
from collections.abc import Sequence

import numpy as np
import pytest

from components.captioning.decoding.search import (
    DecodingConfig,
    search_alternatives,
    search_captions,
)
from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import CaptionNetwork, build_network
from components.captioning.model.vocabulary import END, PAD, START, UNK

# Three words beside the four marks, and captions of three words at most: 1 + 3 + 9 + 27 captions.
WORDS = (4, 5, 6)
MAX_WORDS = 3
ALL_CAPTIONS = 40
# In half precision, as examples hold them.
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
        # Larger than weights begin with, so that the words before and the photo matter.
        variable.assign(random.normal(scale=1.2, size=variable.shape))
    return network


def _log_probabilities(logits: np.ndarray) -> np.ndarray:
    logits = np.asarray(logits, np.float64)  # [B, V]
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def _every_caption(network: CaptionNetwork, feature: np.ndarray) -> dict[Caption, float]:
    """Returns the log-probability of each possible caption of one photo, its end included."""
    scores: dict[Caption, float] = {}
    partial: dict[Caption, float] = {(): 0.0}
    state, said = network.start(feature[np.newaxis].astype(np.float32)), [START]
    for place in range(MAX_WORDS + 1):
        logits, state = network.step(np.array(said), state)
        rows = _log_probabilities(logits)  # one a partial caption, in their order
        for (caption, score), row in zip(partial.items(), rows, strict=True):
            scores[caption] = score + row[END]
        if place == MAX_WORDS:
            break
        partial = {
            (*caption, word): score + row[word]
            for (caption, score), row in zip(partial.items(), rows, strict=True)
            for word in WORDS
        }
        said = [caption[-1] for caption in partial]
        state = tuple(np.repeat(np.asarray(part), len(WORDS), axis=0) for part in state)
    return scores


def _best(scores: dict[Caption, float], penalty: float) -> Caption:
    return max(scores, key=lambda caption: scores[caption] / (len(caption) + 1) ** penalty)


def _greedy(network: CaptionNetwork, feature: np.ndarray) -> Caption:
    """Says the most probable word, one after the other."""
    state, said = network.start(feature[np.newaxis].astype(np.float32)), START
    caption: Caption = ()
    while len(caption) < MAX_WORDS:
        logits, state = network.step(np.array([said]), state)
        said = max((END, *WORDS), key=lambda word: float(logits[0][word]))
        if said == END:
            break
        caption = (*caption, said)
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


def test_every_caption_has_all_probability_there_is(networks: list[CaptionNetwork]) -> None:
    # Of the search by hand itself: with the marks' probabilities gone, all captions (and those
    # that would go on) share the rest. Here: a network that never says a mark nor a 4th word.
    network = _network(seed=0)
    bias = np.zeros(7)
    bias[[PAD, START, UNK]] = -100
    words = network.decoders[0].words
    words.set_weights([words.get_weights()[0] * 0, bias])
    scores = _every_caption(network, FEATURES[0])
    assert len(scores) == ALL_CAPTIONS
    # Each of four continuations has 1/4: captions of 0 to 3 words have 1/4, 3/16, 9/64, 27/256.
    assert sum(np.exp(list(scores.values()))) == pytest.approx(1 / 4 + 3 / 16 + 9 / 64 + 27 / 256)


@pytest.mark.parametrize("penalty", [0.0, 0.7, 1.0, 2.0])
def test_beam_search_wide_enough_finds_the_best_of_all_captions(
    penalty: float,
    networks: list[CaptionNetwork],
    every_caption: list[list[dict[Caption, float]]],
) -> None:
    network = _network(seed=0)
    config = DecodingConfig(ALL_CAPTIONS, penalty, MAX_WORDS)
    for other, scores in zip(networks, every_caption, strict=True):
        # New weights in the same network: what was compiled must not hold on to the old ones.
        network.set_weights(other.get_weights())
        words = search_captions(network, FEATURES, config)
        assert words.tolist() == _rows([_best(photo, penalty) for photo in scores])


def test_every_caption_shows_what_the_cases_are_worth(
    networks: list[CaptionNetwork], every_caption: list[list[dict[Caption, float]]]
) -> None:
    # The tests beside this one would pass for a search that ignores penalty, photo or beam if
    # these photos did not tell the difference.
    photos = [photo for scores in every_caption for photo in scores]
    best = {penalty: [_best(photo, penalty) for photo in photos] for penalty in (0.0, 1.0, 2.0)}
    greedy = [_greedy(network, feature) for network in networks for feature in FEATURES]
    assert best[0.0] != best[1.0] != best[2.0]
    assert greedy not in best.values()
    assert sum(map(len, best[0.0])) < sum(map(len, best[2.0]))
    assert {len(caption) for caption in best[1.0]} > {1, MAX_WORDS}


def test_greedy_search_says_the_most_probable_word_each_time(
    networks: list[CaptionNetwork],
) -> None:
    words = search_captions(networks[1], FEATURES, DecodingConfig(1, 1.0, MAX_WORDS))
    assert words.dtype == np.int32
    assert words.tolist() == _rows([_greedy(networks[1], feature) for feature in FEATURES])


def test_search_captions_one_photo_at_a_time_agrees(networks: list[CaptionNetwork]) -> None:
    config = DecodingConfig(3, 1.0, MAX_WORDS)
    together = search_captions(networks[0], FEATURES, config)
    apart = [search_captions(networks[0], feature[np.newaxis], config)[0] for feature in FEATURES]
    np.testing.assert_array_equal(together, apart)


def test_search_captions_of_no_photos(networks: list[CaptionNetwork]) -> None:
    words = search_captions(networks[0], FEATURES[:0], DecodingConfig(3, 1.0, MAX_WORDS))
    assert words.shape == (0, MAX_WORDS + 1) and words.dtype == np.int32


def test_search_captions_does_not_keep_its_network_alive() -> None:
    network = _network(seed=0)
    search_captions(network, FEATURES, DecodingConfig(2, 1.0, MAX_WORDS))
    seen = weakref.ref(network)
    del network
    gc.collect()
    assert seen() is None


@pytest.fixture(scope="module")
def longer_network() -> CaptionNetwork:
    return _network(seed=0)


def _words_with_bias(network: CaptionNetwork, ids: Sequence[int], bias: float) -> np.ndarray:
    """Searches with some words made more probable by far, or less."""
    kernel, biases = _network(seed=0).decoders[0].words.get_weights()
    biases[list(ids)] = bias
    network.decoders[0].words.set_weights([kernel, biases])
    # More partial captions than there are first words (three, and the end).
    return search_captions(network, FEATURES, DecodingConfig(6, 1.0, max_words=5))


def test_search_never_says_a_mark(longer_network: CaptionNetwork) -> None:
    rows = _words_with_bias(longer_network, (PAD, START, UNK), 50).tolist()
    lengths = [row.index(END) for row in rows]
    for row, length in zip(rows, lengths, strict=True):
        assert set(row[:length]) <= set(WORDS)
        assert set(row[length + 1 :]) <= {PAD}
    assert max(lengths) > 1


def test_search_ends_at_max_words_at_the_latest(longer_network: CaptionNetwork) -> None:
    words = _words_with_bias(longer_network, [END], -50)  # never by itself
    assert words.shape == (6, 6)
    assert (words[:, :5] > UNK).all()
    assert (words[:, 5] == END).all()


def test_search_may_say_nothing_at_all(longer_network: CaptionNetwork) -> None:
    words = _words_with_bias(longer_network, [END], 50)
    assert words.tolist() == [[END, PAD, PAD, PAD, PAD, PAD]] * 6


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_search_alternatives_wide_enough_ranks_every_caption(
    penalty: float,
    networks: list[CaptionNetwork],
    every_caption: list[list[dict[Caption, float]]],
) -> None:
    config = DecodingConfig(ALL_CAPTIONS, penalty, MAX_WORDS)
    words, scores = search_alternatives(networks[0], FEATURES, config)
    for rows, found, photo in zip(words, scores, every_caption[0], strict=True):
        by_hand = {
            caption: score / (len(caption) + 1) ** penalty for caption, score in photo.items()
        }
        ranked = sorted(by_hand, key=lambda caption: -by_hand[caption])
        assert rows.tolist() == _rows(ranked)
        np.testing.assert_allclose(found, [by_hand[caption] for caption in ranked], rtol=1e-4)


def test_search_alternatives_begin_with_what_search_captions_finds(
    networks: list[CaptionNetwork],
) -> None:
    config = DecodingConfig(3, 1.0, MAX_WORDS)
    words, scores = search_alternatives(networks[2], FEATURES, config)
    assert words.shape == (6, 3, MAX_WORDS + 1) and words.dtype == np.int32
    assert words[:, 0].tolist() == search_captions(networks[2], FEATURES, config).tolist()
    assert (np.diff(scores, axis=1) <= 0).all()


def test_search_alternatives_that_do_not_exist_score_minus_infinity() -> None:
    # One word at most: nothing, or one of three words. A beam of six has two places left over,
    # and a penalty this high would lift them above real captions.
    words, scores = search_alternatives(_network(seed=0), FEATURES, DecodingConfig(6, 40.0, 1))
    assert np.isfinite(scores).sum(axis=1).tolist() == [4] * 6
    assert np.isneginf(scores[:, 4:]).all()
    said = {tuple(row) for photo in words[:, :4].tolist() for row in photo}
    assert said == {(END, PAD), (4, END), (5, END), (6, END)}
