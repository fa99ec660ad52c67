import shutil
import subprocess
from pathlib import Path

import pytest

from components.artifacts import git_commit as module
from components.artifacts.git_commit import git_commit


def _git(folder: Path, *arguments: str) -> str:
    options = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        [shutil.which("git") or "git", *options, *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of its own, with a copy of the module as its only file."""
    if shutil.which("git") is None:
        pytest.skip("Git is not installed")
    copy = Path(shutil.copy(module.__file__, tmp_path))
    _git(tmp_path, "init")
    monkeypatch.setattr(module, "_FILE", copy)
    return copy


def test_git_commit_is_the_commit_that_is_checked_out(checkout: Path) -> None:
    _git(checkout.parent, "add", ".")
    _git(checkout.parent, "commit", "-m", "first")
    expected = _git(checkout.parent, "rev-parse", "HEAD").strip()
    assert git_commit() == (expected, False)
    checkout.write_text("changed")
    assert git_commit() == (expected, True)
    assert str(git_commit()).startswith(f"{expected} with changes")


def test_git_commit_of_somebody_elses_repository_is_none(checkout: Path) -> None:
    assert git_commit() is None


def test_git_commit_without_git_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_commit() is None
