from pathlib import Path

import numpy as np
import pytest
from pycocoevalcap.cider.cider import Cider

from components.captioning import consensus
from components.captioning.consensus import CAPTIONS_FILE, Consensus, Neighbours
from components.platform.artifacts import write_json

# Two photos of dogs and one of a boat, told apart by their features.
NEIGHBOURS = Neighbours(
    np.array([[1, 0], [2, 1], [0, 3]], np.float16),
    [("a dog runs", "the dog is fast"), ("a dog sits on grass",), ("a boat on a lake", "boats")],
)
DOG, BOAT = [3.0, 0.5], [0.0, 1.0]


@pytest.mark.parametrize("candidate", ["a dog sits", "the boat", "a dog runs", "zebra"])
def test_agreement_is_the_mean_cider_d_with_the_neighbours_captions(candidate: str) -> None:
    # All are asked. No n-gram stands twice in a candidate: the library's clipping does nothing.
    [[agreed]] = Consensus(NEIGHBOURS).agreement(np.array([DOG]), [[candidate]])
    known = {photo: list(captions) for photo, captions in enumerate(NEIGHBOURS.captions)}
    _, means = Cider().compute_score(known, {photo: [candidate] for photo in known})
    # The library's are means over a photo's captions, times 10.
    expected = (2 * means[0] + means[1] + 2 * means[2]) / 5 / 10
    assert agreed == pytest.approx(expected, abs=1e-6)


def test_agreement_asks_the_nearest_photos_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consensus, "_PHOTOS", 1)
    candidates = ["a dog runs", "a boat on a lake"]
    dog, boat = Consensus(NEIGHBOURS).agreement(np.array([DOG, BOAT]), [candidates] * 2)
    assert dog[0] > 0.3 > dog[1]
    assert boat[1] > 0.3 > boat[0]


def test_agreement_counts_the_captions_most_alike_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consensus, "_CAPTIONS", 1)
    [[agreed]] = Consensus(NEIGHBOURS).agreement(np.array([DOG]), [["a dog sits on grass"]])
    assert agreed == pytest.approx(1)


def test_agreement_of_nothing_said_is_0() -> None:
    [agreed] = Consensus(NEIGHBOURS).agreement(np.array([DOG]), [["", "a dog"]])
    assert agreed[0] == 0 < agreed[1]


def test_agreement_of_no_photos_is_empty() -> None:
    assert Consensus(NEIGHBOURS).agreement(np.zeros((0, 2)), []) == []


def test_neighbours_saved_and_loaded_are_the_same(tmp_path: Path) -> None:
    NEIGHBOURS.save(tmp_path)
    loaded = Neighbours.load(tmp_path)
    np.testing.assert_array_equal(loaded.features, NEIGHBOURS.features)
    assert loaded.features.dtype == np.float16
    assert loaded.captions == NEIGHBOURS.captions


def test_neighbours_that_do_not_fit_each_other_are_refused(tmp_path: Path) -> None:
    NEIGHBOURS.save(tmp_path)
    write_json(tmp_path / CAPTIONS_FILE, [["a dog"]])
    with pytest.raises(ValueError, match=r"captions for each of the 3 photos .* Received: 1"):
        Neighbours.load(tmp_path)


def test_neighbours_are_never_unpickled(tmp_path: Path) -> None:
    NEIGHBOURS.save(tmp_path)
    np.save(tmp_path / consensus.FEATURES_FILE, np.array([{}], object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        Neighbours.load(tmp_path)
