import json
from pathlib import Path

import numpy as np
import pytest

from components.artifacts.captions import CaptionedPhoto, write_captions
from components.artifacts.checksums import write_checksums
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.embeddings.component import embeddings
from components.embeddings.matrix import build_embeddings
from components.errors import DataError, SettingError


def _captions(directory: Path, *words: str) -> Path:
    directory.mkdir(exist_ok=True)
    Vocabulary([*SPECIAL_TOKENS, *words]).save(directory / "vocabulary.txt")
    write_captions(
        directory,
        [
            CaptionedPhoto("1.jpg", "train", ("x", "y"), ((4, 5, 4), (6, 3, 4))),
            CaptionedPhoto("2.jpg", "test", ("z",), ((5, 5, 5, 5),)),
        ],
    )
    return directory


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    return _captions(tmp_path / "captions", "dog", "cat", "zyzzyva")


@pytest.fixture
def glove(tmp_path: Path) -> str:
    path = tmp_path / "glove.txt"
    path.write_text("the 9 9\ncat 1 10\ndog 3 20\n<unk> 7 7\n")
    return str(path)


def test_build_embeddings_copies_the_vectors_of_found_words(
    captions: Path, glove: str, tmp_path: Path
) -> None:
    build_embeddings(captions, glove, tmp_path / "out", seed=0)
    matrix = np.load(tmp_path / "out" / "matrix.npy")
    assert matrix.dtype == np.float32
    assert matrix.shape == (7, 2)
    assert matrix[0].tolist() == [0, 0]  # <pad>
    assert matrix[4].tolist() == [3, 20]
    assert matrix[5].tolist() == [1, 10]
    assert matrix[3].tolist() != [7, 7]  # a mark is no word, whatever GloVe calls so


def test_build_embeddings_coverage_has_the_rule_of_each_missing_word(
    captions: Path, glove: str, tmp_path: Path
) -> None:
    coverage = build_embeddings(captions, glove, tmp_path / "out", seed=0)
    assert coverage == json.loads((tmp_path / "out" / "coverage.json").read_text())
    assert coverage["found"] == 2
    assert coverage["width"] == 2
    assert coverage["source"] == "glove.txt"
    assert coverage["missing"] == {
        "<pad>": "zeros",
        "<start>": "normal",
        "<end>": "normal",
        "<unk>": "normal",
        "zyzzyva": "normal",
    }
    assert set(coverage["rules"]) == {"zeros", "normal"}
    # Train holds dog, cat, dog, zyzzyva, <unk>, dog: four of six have a vector.
    assert coverage["train_token_share"] == pytest.approx(4 / 6)


def test_build_embeddings_without_glove_leaves_all_words_to_a_random_start(
    captions: Path, tmp_path: Path
) -> None:
    coverage = build_embeddings(captions, "none", tmp_path / "out", seed=0)
    matrix = np.load(tmp_path / "out" / "matrix.npy")
    assert (matrix.shape, matrix.dtype) == ((7, 0), np.float32)
    assert (coverage["source"], coverage["width"], coverage["found"]) == ("none", 0, 0)
    assert coverage["train_token_share"] == 0
    assert set(coverage["missing"]) == {*SPECIAL_TOKENS, "dog", "cat", "zyzzyva"}
    assert set(coverage["missing"].values()) == set(coverage["rules"]) == {"random"}


def test_build_embeddings_missing_words_have_the_std_of_found_words(tmp_path: Path) -> None:
    missing = [f"missing{number}" for number in range(4000)]
    captions = _captions(tmp_path / "captions", "dog", "cat", "cow", *missing)
    path = tmp_path / "glove.txt"
    path.write_text("dog 2 10\ncat 4 10\ncow 6 10\n")
    build_embeddings(captions, str(path), tmp_path / "out", seed=0)
    drawn = np.load(tmp_path / "out" / "matrix.npy")[7:]
    # Means 4 and 10; standard deviations sqrt(8 / 3) and 0.
    np.testing.assert_allclose(drawn.mean(axis=0), [4, 10], atol=0.1)
    np.testing.assert_allclose(drawn.std(axis=0), [1.633, 0], atol=0.1)
    assert np.unique(drawn[:, 0]).size == 4000


def test_build_embeddings_is_deterministic(captions: Path, glove: str, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        build_embeddings(captions, glove, tmp_path / name, seed=seed)
    a, b, c = (np.load(tmp_path / name / "matrix.npy") for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert (a[6] != c[6]).all()
    np.testing.assert_array_equal(a[4:6], c[4:6])


def test_build_embeddings_word_keeps_its_vector_when_order_changes(
    captions: Path, glove: str, tmp_path: Path
) -> None:
    other = _captions(tmp_path / "other", "cat", "newt", "zyzzyva", "dog")
    lines = Path(glove).read_text().splitlines()
    shuffled = tmp_path / "shuffled.txt"
    shuffled.write_text("\n".join(reversed(lines)) + "\n")
    build_embeddings(captions, glove, tmp_path / "a", seed=1)
    build_embeddings(other, str(shuffled), tmp_path / "b", seed=1)
    a, b = (np.load(tmp_path / name / "matrix.npy") for name in "ab")
    np.testing.assert_allclose(a[:4], b[:4], rtol=1e-6)
    np.testing.assert_allclose(a[6], b[6], rtol=1e-6)


def test_build_embeddings_without_any_word_is_an_error(captions: Path, tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    path.write_text("der 1 2\nhund 3 4\n")
    with pytest.raises(
        DataError,
        match=r"glove\.txt must contain words of the vocabulary\. Received: none of its 3",
    ):
        build_embeddings(captions, str(path), tmp_path / "out", seed=0)
    assert not (tmp_path / "out").exists()


def test_build_embeddings_invalid_line_writes_nothing(captions: Path, tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    path.write_text("dog 1 2\ncat 3\n")
    with pytest.raises(DataError, match=r"glove\.txt, line 2"):
        build_embeddings(captions, str(path), tmp_path / "out", seed=0)
    assert not (tmp_path / "out").exists()


def test_build_embeddings_negative_seed_is_an_error(
    captions: Path, glove: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match=r"seed must be 0 or more\. Received: -1"):
        build_embeddings(captions, glove, tmp_path / "out", seed=-1)


def test_embeddings_component_writes_artifact_and_metadata(
    captions: Path, glove: str, tmp_path: Path
) -> None:
    from kfp.dsl import Artifact, Dataset

    matrix = Artifact(name="matrix", uri=str(tmp_path / "out"))
    write_checksums(captions)
    embeddings.python_func(captions=Dataset(uri=str(captions)), glove=glove, seed=0, matrix=matrix)
    assert (tmp_path / "out" / "matrix.npy").is_file()
    assert matrix.metadata["width"] == 2
    assert matrix.metadata["missing"] == 5
