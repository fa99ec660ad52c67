import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from components.artifacts import code_version as module
from components.artifacts.code_version import code_version

PROJECT = Path(__file__).parents[3]


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


def test_code_version_is_deterministic(project: Path) -> None:
    assert code_version("components.embeddings") == code_version("components.embeddings")
    assert code_version("components.embeddings") != code_version("components.gate")


def test_code_version_covers_the_packages_files(
    append: Callable[[str, str], None],
) -> None:
    before = code_version("components.embeddings")
    append("components/embeddings/sample.glove.6B.50d.txt", "word 1 2 3\n")
    assert code_version("components.embeddings") != before


def test_code_version_of_a_module_does_not_cover_its_package(
    append: Callable[[str, str], None],
) -> None:
    checks = "components.ingest.images.checks"
    before = code_version(checks)
    append("components/ingest/images/beam_checks.py", "\nMORE = 1\n")
    append("components/ingest/images/check_store.py", "\nMORE = 1\n")
    assert code_version(checks) == before
    append("components/captioning/encoder/images.py", "\nMORE = 1\n")  # which it imports
    imported = code_version(checks)
    append("components/ingest/images/checks.py", "\nMORE = 1\n")
    assert len({before, imported, code_version(checks)}) == 3


def test_code_version_ignores_what_python_writes_while_it_compiles(project: Path) -> None:
    before = code_version("components.embeddings")
    temporary = project / "components/embeddings/__pycache__/run.cpython-311.pyc.140234"
    temporary.parent.mkdir(exist_ok=True)
    temporary.write_bytes(b"half")
    assert code_version("components.embeddings") == before


def test_code_version_covers_imported_modules_only(
    append: Callable[[str, str], None],
) -> None:
    embeddings = code_version("components.embeddings")
    append("components/captioning/model/vocabulary.py", "\nMORE = 1\n")  # both use it
    assert code_version("components.embeddings") != embeddings
    features = code_version("components.features")
    embeddings = code_version("components.embeddings")
    append("components/captioning/decoding/search.py", "\nMORE = 1\n")  # neither does
    append("components/train/trainer.py", "\nMORE = 1\n")
    assert (code_version("components.embeddings"), code_version("components.features")) == (
        embeddings,
        features,
    )
    append("components/captioning/encoder/images.py", "\nMORE = 1\n")  # features does
    assert code_version("components.features") != features


def test_code_version_ignores_comments_and_docstrings(
    append: Callable[[str, str], None], project: Path
) -> None:
    append("components/gate/verdict.py", '\n\ndef more() -> None:\n    """One."""\n    print()\n')
    before = code_version("components.gate")
    append("components/gate/verdict.py", "\n\n# A remark.\n")
    file = project / "components/gate/verdict.py"
    file.write_text(file.read_text().replace('"""One."""', '"""Another."""'))
    assert code_version("components.gate") == before


def test_code_version_covers_the_versions_of_libraries(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = code_version("components.gate")
    monkeypatch.setattr(module, "_version", lambda name: f"{name} of tomorrow")
    assert code_version("components.gate") != before


def test_code_version_of_an_unknown_package_is_an_error(project: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nosuchstep"):
        code_version("components.nosuchstep")
