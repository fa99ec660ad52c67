import json
import re
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from components.artifacts.checksums import write_checksums
from components.artifacts.files import write_json
from components.captioning.decoding.reranker_data import CAPTIONS_FILE, FEATURES_FILE, RerankerData
from components.captioning.decoding.search import DecodingConfig
from components.captioning.inference.bundle import Bundle
from components.captioning.inference.confidence import Calibration
from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import build_network
from components.captioning.model.vocabulary import END, SPECIAL_TOKENS, Vocabulary
from components.errors import DataError

A, DOG, CAT = 4, 5, 6
FEATURES = np.array([[1.0, 0.0]], np.float32)


@pytest.fixture
def bundle(calibration: Calibration) -> Bundle:
    """Generates "dog" with probability 0.3, "cat" with 0.2, "a" with 0.1, and `END` with 0.4."""
    vocabulary = Vocabulary([*SPECIAL_TOKENS, "a", "dog", "cat"])
    network = build_network(ModelConfig(7, 2, 2, 3, 0.0, True, "par_inject"), seed=1)
    bias = np.full(7, -20.0, np.float32)
    bias[[END, A, DOG, CAT]] = np.log([0.4, 0.1, 0.3, 0.2])
    network.decoders[0].output_projection.set_weights([np.zeros((3, 7)), bias])
    reranker_data = RerankerData(
        np.array([[1, 0], [0, 1]], np.float16), [("cat", "a cat"), ("a house by the sea",)]
    )
    return Bundle(
        network, vocabulary, DecodingConfig(4, 0.0, max_words=1), reranker_data, calibration
    )


def _captions(bundle: Bundle) -> list[tuple[str, float]]:
    return [(caption.text, caption.score) for caption in bundle.alternatives(FEATURES)[0]]


def test_save_leaves_out_the_optimizer(bundle: Bundle, tmp_path: Path) -> None:
    bundle.network.compile(optimizer="adam")
    bundle.network.optimizer.build(bundle.network.trainable_variables)
    bundle.save(tmp_path)
    with h5py.File(tmp_path / "network.weights.h5") as weights:
        assert "optimizer" not in weights
    assert _captions(Bundle.load(tmp_path)) == _captions(bundle)


def test_alternatives_are_ranked_by_log_probability(bundle: Bundle) -> None:
    # In the last position only END is allowed, with its probability of 0.4.
    expected = (("", 0.4), ("dog", 0.3 * 0.4), ("cat", 0.2 * 0.4), ("a", 0.1 * 0.4))
    captions = _captions(bundle)
    assert [text for text, _ in captions] == [text for text, _ in expected]
    assert [score for _, score in captions] == pytest.approx(
        np.log([probability for _, probability in expected]), abs=1e-4
    )
    assert bundle.captions(FEATURES) == [""]


def test_alternatives_with_another_beam_width_leave_the_bundle_unchanged(
    bundle: Bundle,
) -> None:
    all_four = _captions(bundle)
    (narrow,) = bundle.alternatives(FEATURES, beam_width=2)
    assert [(caption.text, caption.score) for caption in narrow] == all_four[:2]
    assert _captions(bundle) == all_four


def test_alternatives_with_reranking_prefer_captions_of_similar_train_photos(
    bundle: Bundle,
) -> None:
    before = dict(_captions(bundle))
    bundle.decoding = DecodingConfig(4, 0.0, max_words=1, reranking_weight=50.0)
    after = dict(_captions(bundle))
    assert bundle.captions(FEATURES) == ["cat"]
    scores = bundle.reranker_data.reranker.score(FEATURES, [["cat", "dog"]])[0]
    assert after["cat"] == pytest.approx(before["cat"] + 50 * scores[0])
    assert after["dog"] == pytest.approx(before["dog"] + 50 * scores[1])


def test_alternatives_with_guidance_keep_words_of_similar_train_photos(bundle: Bundle) -> None:
    before = dict(_captions(bundle))
    bundle.decoding = DecodingConfig(1, 0.0, max_words=1, guidance_weight=50.0)

    # The score is the network's own log-probability.
    assert _captions(bundle) == [("cat", pytest.approx(before["cat"]))]


def test_bundle_saved_and_loaded_gives_the_same_captions(bundle: Bundle, tmp_path: Path) -> None:
    bundle.decoding = DecodingConfig(
        4, 0.0, max_words=1, reranking_weight=50.0, guidance_weight=10.0
    )
    bundle.save(tmp_path)
    loaded = Bundle.load(tmp_path)
    assert loaded.decoding == bundle.decoding
    assert loaded.alternatives(FEATURES) == bundle.alternatives(FEATURES)


def test_bundle_without_reranker_data_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path)
    (tmp_path / FEATURES_FILE).unlink()
    write_checksums(tmp_path)
    with pytest.raises(DataError, match=r"complete model bundle: .*reranker_features\.npy"):
        Bundle.load(tmp_path)


def test_bundle_scored_with_another_reranking_method_is_refused(
    bundle: Bundle, tmp_path: Path
) -> None:
    for weight, folder in ((0.0, tmp_path / "without"), (50.0, tmp_path / "with")):
        folder.mkdir()
        bundle.decoding = DecodingConfig(4, 0.0, max_words=1, reranking_weight=weight)
        bundle.save(folder)
        content = {"method": "nearest photos", "captions": bundle.reranker_data.captions}
        write_json(folder / CAPTIONS_FILE, content)
        write_checksums(folder)
    assert _captions(Bundle.load(tmp_path / "without"))
    with pytest.raises(
        DataError, match=r"reranking by ridge regression.*reranker_captions\.json: nearest photos"
    ):
        Bundle.load(tmp_path / "with")


def _damaged(bundle: Bundle, root: Path, name: str, content: object) -> str:
    """Returns the error message for a bundle with one changed file."""
    bundle.save(root)
    if isinstance(content, bytes):
        (root / name).write_bytes(content)
    else:
        original = json.loads((root / name).read_text())
        (root / name).write_text(json.dumps({**original, **content}))
    # Whoever made the bundle can have written checksums as well.
    write_checksums(root)
    with pytest.raises(DataError, match="must be a complete model bundle") as raised:
        Bundle.load(root)
    return str(raised.value)


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("decoding.json", {"beam_width": 1_000_000}, "beam_width: .* 100"),
        ("decoding.json", {"beam_width": 0}, "beam_width"),
        ("decoding.json", {"max_words": -1}, "max_words"),
        ("decoding.json", {"max_words": 2.5}, "max_words"),
        ("decoding.json", {"length_penalty": "1"}, "length_penalty"),
        ("decoding.json", {"reranking_weight": float("nan")}, "reranking_weight"),
        ("network.json", {"units": 8193}, "units"),
        (
            "network.json",
            {"units": 8000},
            r"at least the \d{9,} bytes .* network.json",
        ),
        (
            "network.json",
            {"vocabulary_size": 10**9},
            "vocabulary.txt .* 1000000000 words",
        ),
        ("network.json", {"feature_width": 3}, "reranker_features.npy must have .* 3 features"),
        ("network.json", {"ensemble_size": 0}, "ensemble_size"),
        ("network.json", {"decoder": "other"}, "decoder"),
        ("network.json", {"dropout": None}, "dropout"),
        ("network.json", {"train_embeddings": "yes"}, "train_embeddings"),
        ("reranker_captions.json", {"captions": [1]}, "captions"),
    ],
)
def test_bundle_with_a_value_out_of_bounds_is_refused_before_allocating_memory(
    bundle: Bundle, tmp_path: Path, name: str, change: dict[str, object], expected: str
) -> None:
    started = time.process_time()
    assert re.search(expected, _damaged(bundle, tmp_path, name, change))
    assert time.process_time() - started < 5


def _npy(header: str) -> bytes:
    text = header.ljust(117).encode() + b"\n"
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 no array but a zip",
        _npy("{'descr': '<f2', 'fortran_order': False, 'shape': (1000000000000, 2)}"),
        _npy("{'descr': '<f2', 'fortran_order': False, 'shape': (-1, 2)}"),
        _npy("{'descr': '|O', 'fortran_order': False, 'shape': (2, 2)}"),
        _npy("{'descr': '<i2', 'fortran_order': False, 'shape': (2, 2)}") + bytes(8),
        _npy("{'descr': '<f2', 'fortran_order': False, 'shape': (8,)}") + bytes(16),
        _npy("(" * 100),
        _npy("__import__('os')"),
    ],
)
def test_bundle_with_an_invalid_array_is_refused(
    bundle: Bundle, tmp_path: Path, content: bytes
) -> None:
    _damaged(bundle, tmp_path, FEATURES_FILE, content)


@pytest.mark.parametrize("name", ["network.json", "decoding.json", "reranker_captions.json"])
@pytest.mark.parametrize("content", [b"[" * 200_000, b"{}", b"\xff", b"", b"1" * 5_000])
def test_bundle_with_invalid_json_is_refused(
    bundle: Bundle, tmp_path: Path, name: str, content: bytes
) -> None:
    if (name, content) != ("decoding.json", b"{}"):  # every setting has a default
        _damaged(bundle, tmp_path, name, content)


def test_bundle_with_invalid_or_missing_weights_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path)
    content_of_file = (tmp_path / "network.weights.h5").read_bytes()
    for content in (b"", b"no HDF5", content_of_file[: len(content_of_file) // 2]):
        _damaged(bundle, tmp_path, "network.weights.h5", content)
    bundle.save(tmp_path)
    with h5py.File(tmp_path / "network.weights.h5", "r+") as weights:
        del weights["decoders/decoder/output_projection/vars/1"]
    write_checksums(tmp_path)
    with pytest.raises(DataError, match=r"must be a complete model bundle, .* expected 2"):
        Bundle.load(tmp_path)
