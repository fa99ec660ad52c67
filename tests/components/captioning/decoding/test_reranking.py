from pathlib import Path

import numpy as np
import pytest

from components.artifacts.files import write_json
from components.captioning.decoding import reranking as consensus
from components.captioning.decoding.reranking import CAPTIONS_FILE, RULE, Reranker, RerankerData

# Square roots [1, 0] and [0, 1], centred and of length 1: [r, -r] and [-r, r] with r = sqrt(1/2).
# Of their squares [[1, -1], [-1, 1]] plus the ridge, 0.5, the first is an eigenvector with 2.5.
NEIGHBOURS = RerankerData(np.array([[1, 0], [0, 1]], np.float16), [("a dog", "a cat"), ("a boat",)])
DOG, BOAT = [1.0, 0.0], [0.0, 1.0]


@pytest.mark.parametrize(
    ("candidate", "alike"),
    [
        # "a" is said of both photos and weighs nothing; "dog" and "a dog" are half of what is said.
        ("a dog", 0.5 + 0.5),
        ("dog", 0.5),
        ("a boat", -1 - 1),
        # Of length 1: two words that weigh something, and three pairs of words.
        ("a dog a cat", 2 * 0.5 * 2**-0.5 + 2 * 0.5 * 3**-0.5),
        ("zebra", 0.0),
        ("", 0.0),
    ],
)
def test_agreement_is_the_likeness_to_what_a_ridge_regression_expects(
    candidate: str, alike: float
) -> None:
    [[agreed]] = Reranker(NEIGHBOURS).score(np.array([DOG]), [[candidate]])
    # Each photo counts 1 / 2.5, the other negatively; divided by the four lengths of n-grams.
    assert agreed == pytest.approx(alike / 2.5 / 4, abs=1e-6)


def test_agreement_of_each_photo_is_its_own() -> None:
    candidates = ["a dog", "a boat"]
    dog, boat = Reranker(NEIGHBOURS).score(np.array([DOG, BOAT]), [candidates] * 2)
    np.testing.assert_allclose(dog, [0.1, -0.2], atol=1e-6)
    np.testing.assert_allclose(boat, [-0.1, 0.2], atol=1e-6)


def test_agreement_of_features_below_0_is_told_from_those_above() -> None:
    reranker_data = RerankerData(np.array([[-1], [1]], np.float16), NEIGHBOURS.captions)
    candidates = ["a dog", "a boat"]
    below, above = Reranker(reranker_data).score(np.array([[-4.0], [4.0]]), [candidates] * 2)
    assert below[0] > 0 > below[1]
    assert above[1] > 0 > above[0]


def test_agreement_of_a_single_train_photo_tells_nothing() -> None:
    reranker_data = RerankerData(np.array([[1, 0]], np.float16), [("a dog",)])
    [agreed] = Reranker(reranker_data).score(np.array([DOG]), [["a dog", "a boat"]])
    np.testing.assert_array_equal(agreed, [0, 0])


def test_agreement_of_train_photos_without_captions_counts_them_as_nothing() -> None:
    reranker_data = RerankerData(NEIGHBOURS.features, [("a dog",), ()])
    [agreed] = Reranker(reranker_data).score(np.array([DOG]), [["a dog", "a boat"]])
    # Each word weighs the same now: "a" is half of "a dog", and half of "a boat".
    np.testing.assert_allclose(agreed, [2 / 2.5 / 4, 0.5 / 2.5 / 4], atol=1e-6)


def test_agreement_of_no_candidates_is_empty() -> None:
    [agreed] = Reranker(NEIGHBOURS).score(np.array([DOG]), [[]])
    assert agreed.shape == (0,)


def test_agreement_of_no_photos_is_empty() -> None:
    assert Reranker(NEIGHBOURS).score(np.zeros((0, 2)), []) == []


def test_neighbours_saved_and_loaded_are_the_same(tmp_path: Path) -> None:
    NEIGHBOURS.save(tmp_path)
    loaded = RerankerData.load(tmp_path)
    np.testing.assert_array_equal(loaded.features, NEIGHBOURS.features)
    assert loaded.features.dtype == np.float16
    assert loaded.captions == NEIGHBOURS.captions
    assert loaded.rule == RULE


def test_neighbours_of_the_first_bundles_tell_their_rule(tmp_path: Path) -> None:
    NEIGHBOURS.save(tmp_path)
    write_json(tmp_path / CAPTIONS_FILE, NEIGHBOURS.captions)
    loaded = RerankerData.load(tmp_path)
    assert (loaded.captions, loaded.rule) == (NEIGHBOURS.captions, "nearest photos")


def test_neighbours_that_do_not_fit_each_other_are_refused(tmp_path: Path) -> None:
    NEIGHBOURS.save(tmp_path)
    write_json(tmp_path / CAPTIONS_FILE, [["a dog"]])
    with pytest.raises(ValueError, match=r"captions for each of the 2 photos .* Received: 1"):
        RerankerData.load(tmp_path)


@pytest.mark.parametrize("features", [[[np.nan, 0], [0, 1]], [[np.inf, 0], [0, 1]], [1, 0]])
def test_neighbours_of_no_numbers_or_another_shape_are_refused(
    tmp_path: Path, features: list[object]
) -> None:
    NEIGHBOURS.save(tmp_path)
    np.save(tmp_path / consensus.FEATURES_FILE, np.array(features, np.float16))
    with pytest.raises(ValueError, match=r"neighbours\.npy must hold numbers, a row a photo"):
        RerankerData.load(tmp_path)


def test_neighbours_are_never_unpickled(tmp_path: Path) -> None:
    NEIGHBOURS.save(tmp_path)
    np.save(tmp_path / consensus.FEATURES_FILE, np.array([{}], object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        RerankerData.load(tmp_path)
