import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import code_version as module
from pipeline.code_version import code_version

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(PROJECT / "components", tmp_path / "components")
    monkeypatch.setattr(module, "_PROJECT", tmp_path)
    return tmp_path


@pytest.fixture
def append(project: Path) -> Callable[[str, str], None]:
    def change(file: str, text: str) -> None:
        with (project / file).open("a") as opened:
            opened.write(text)

    return change


def test_code_version_of_an_unchanged_step_is_the_same(project: Path) -> None:
    assert code_version("embeddings") == code_version("embeddings")
    assert code_version("embeddings") != code_version("gate")


def test_code_version_counts_the_steps_own_files(
    append: Callable[[str, str], None],
) -> None:
    before = code_version("embeddings")
    append("components/embeddings/sample.glove.6B.50d.txt", "word 1 2 3\n")
    assert code_version("embeddings") != before


def test_code_version_counts_what_the_step_imports_and_nothing_else(
    append: Callable[[str, str], None],
) -> None:
    embeddings, features = code_version("embeddings"), code_version("features")
    append("components/captioning/vocabulary.py", "\nMORE = 1\n")  # both use it
    assert code_version("embeddings") != embeddings
    features = code_version("features")
    embeddings = code_version("embeddings")
    append("components/captioning/decoding.py", "\nMORE = 1\n")  # neither does
    append("components/train/trainer.py", "\nMORE = 1\n")
    assert (code_version("embeddings"), code_version("features")) == (embeddings, features)
    append("components/captioning/photos.py", "\nMORE = 1\n")  # features does
    assert code_version("features") != features


def test_code_version_ignores_comments_and_layout(append: Callable[[str, str], None]) -> None:
    before = code_version("gate")
    append("components/gate/verdict.py", "\n\n# A remark.\n")
    assert code_version("gate") == before


def test_code_version_counts_the_libraries(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_version("gate")
    monkeypatch.setattr(module, "version", lambda name: f"{name} of tomorrow")
    assert code_version("gate") != before


def test_code_version_of_no_step_is_an_error(project: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nosuchstep"):
        code_version("nosuchstep")
