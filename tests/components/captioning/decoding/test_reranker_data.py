from pathlib import Path

import numpy as np
import pytest

from components.artifacts.files import write_json
from components.captioning.decoding.reranker_data import CAPTIONS_FILE, FEATURES_FILE, RerankerData
from components.captioning.decoding.reranking import METHOD

DATA = RerankerData(np.array([[1, 0], [0, 1]], np.float16), [("a dog", "a cat"), ("a boat",)])


def test_reranker_data_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    DATA.save(tmp_path)
    loaded = RerankerData.load(tmp_path)
    np.testing.assert_array_equal(loaded.features, DATA.features)
    assert loaded.features.dtype == np.float16
    assert loaded.captions == DATA.captions
    assert loaded.method == METHOD


def test_reranker_data_with_mismatched_files_is_refused(tmp_path: Path) -> None:
    DATA.save(tmp_path)
    write_json(tmp_path / CAPTIONS_FILE, {"method": METHOD, "captions": [["a dog"]]})
    with pytest.raises(
        ValueError, match=r"captions for each of the 2 photos .* Received: captions for 1$"
    ):
        RerankerData.load(tmp_path)


@pytest.mark.parametrize("features", [[[np.nan, 0], [0, 1]], [[np.inf, 0], [0, 1]], [1, 0]])
def test_reranker_data_that_is_not_a_matrix_of_finite_numbers_is_refused(
    tmp_path: Path, features: list[object]
) -> None:
    DATA.save(tmp_path)
    np.save(tmp_path / FEATURES_FILE, np.array(features, np.float16))
    with pytest.raises(
        ValueError, match=r"reranker_features\.npy must hold a matrix of finite floats"
    ):
        RerankerData.load(tmp_path)


def test_reranker_data_is_never_unpickled(tmp_path: Path) -> None:
    DATA.save(tmp_path)
    np.save(tmp_path / FEATURES_FILE, np.array([{}], object), allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        RerankerData.load(tmp_path)


@pytest.mark.parametrize("dtype", ["S0", "V0", "U0"])
def test_reranker_data_of_values_without_bytes_is_not_copied(tmp_path: Path, dtype: str) -> None:
    DATA.save(tmp_path)
    with (tmp_path / FEATURES_FILE).open("wb") as file:
        header = {"descr": f"|{dtype}", "fortran_order": False, "shape": (4_000_000_000, 2)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(ValueError, match=rf"{FEATURES_FILE} must be .* Received: .*{dtype}"):
        RerankerData.load(tmp_path)
