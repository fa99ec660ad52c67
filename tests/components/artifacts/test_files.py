from pathlib import Path

import pytest

from components.artifacts.files import atomic_directory, atomic_file, read_json, write_json


def test_atomic_directory_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "artifact"
    with atomic_directory(target) as aside:
        (aside / "file").write_text("new")
        assert not target.exists()
    assert (target / "file").read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["artifact"]


def test_atomic_directory_replaces_an_existing_one(tmp_path: Path) -> None:
    target = tmp_path / "artifact"
    target.mkdir()
    (target / "old").touch()
    with atomic_directory(target) as aside:
        (aside / "new").touch()
    assert {path.name for path in target.iterdir()} == {"new", "SHA256SUMS"}


def test_atomic_directory_failure_keeps_the_existing_one(tmp_path: Path) -> None:
    target = tmp_path / "artifact"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(RuntimeError), atomic_directory(target) as aside:
        (aside / "half").touch()
        raise RuntimeError
    assert [path.name for path in target.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [target]


def test_atomic_directory_is_readable_by_others(tmp_path: Path) -> None:
    with atomic_directory(tmp_path / "artifact"):
        pass
    assert (tmp_path / "artifact").stat().st_mode & 0o777 == 0o755


def test_atomic_file_failure_keeps_the_existing_one(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_file(target) as aside:
        aside.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_write_json_keeps_values_and_unicode(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_json(path, {"reason": "zu groß", "counts": [1, 2.5, None]})
    assert read_json(path) == {"reason": "zu groß", "counts": [1, 2.5, None]}
    assert "zu groß" in path.read_text(encoding="utf-8")
