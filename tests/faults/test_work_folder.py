"""Work folders that can't be used: one line, within seconds, and nothing is changed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
# Root may write everywhere, so it becomes another user, who may still read the interpreter.
_AS_ANOTHER_USER = (
    "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
    "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search",
)  # fmt: skip


def _run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Starts `captionflow run` as an ordinary user without a home."""
    if os.geteuid():
        user: tuple[str, ...] = ()
    elif shutil.which("setpriv"):
        user = _AS_ANOTHER_USER
    else:
        pytest.skip("setpriv is not installed")
    command = [*user, sys.executable, "-m", "pipeline.local", "--root", str(root), *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=100, cwd=PROJECT,
        env={**environment, "MLFLOW_TRACKING_URI": "", "PYTHONPATH": str(PROJECT)},
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that an ordinary user may reach and write to."""
    # Its parents are pytest's own folders; an xdist worker has one more.
    for parent in tmp_path.parents:
        if parent.owner() == tmp_path.owner() and parent.stat().st_mode & 0o777 == 0o700:
            parent.chmod(0o755)
    tmp_path.chmod(0o777)
    return tmp_path


def _read_only(root: Path) -> None:
    root.mkdir()
    root.chmod(0o555)


def _in_a_read_only_folder(root: Path) -> None:
    root.parent.mkdir(exist_ok=True)
    root.parent.chmod(0o555)


def _of_another_user(root: Path) -> None:
    (root / "logs").mkdir(parents=True)
    (root / "logs").chmod(0o555)
    root.chmod(0o777)


def _a_file(root: Path) -> None:
    root.write_text("notes")


@pytest.mark.parametrize("make", [_read_only, _in_a_read_only_folder, _of_another_user, _a_file])
def test_work_folder_that_cannot_be_written_is_one_line(
    make: Callable[[Path], None], folder: Path
) -> None:
    root = folder / "deeper" / "runs" if make is _in_a_read_only_folder else folder / "runs"
    make(root)
    before = sorted(folder.rglob("*"))
    ended = _run(root)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    line = ended.stderr
    assert line.startswith("captionflow: root must be a")
    assert str(root) in line
    assert sorted(folder.rglob("*")) == before


def test_user_without_a_home_can_plan_a_run(folder: Path) -> None:
    ended = _run(folder / "runs", "--plan")
    assert ended.returncode == 0, ended.stderr
    assert "register" in ended.stdout
    assert not ended.stderr
