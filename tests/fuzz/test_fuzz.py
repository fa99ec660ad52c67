import os
import subprocess
import sys
from pathlib import Path

import pytest

# Cases that take a few seconds each target, start-up aside; `make fuzz` runs more.
CASES = {
    "images": 600, "archives": 400, "captions": 300, "json": 300, "folders": 150, "words": 40,
    "vectors": 400, "weights": 6, "bundles": 12, "encoders": 200,
}  # fmt: skip


@pytest.mark.parametrize("target", CASES)
def test_changed_files_are_read_or_refused(target: str, tmp_path: Path) -> None:
    command = [sys.executable, str(Path(__file__).with_name("run.py")), target]
    command += ["--cases", str(CASES[target]), "--seed", "ci", "--seconds", "300"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{target}: {CASES[target]} cases with seed ci" in ended.stdout


def test_a_case_that_fails_is_kept(tmp_path: Path) -> None:
    # A target that raises, one that never returns, and one that takes too much memory.
    folder = tmp_path / "fuzz"
    folder.mkdir()
    for name in ("run.py", "worker.py"):
        text = Path(__file__).with_name(name).read_text()
        # Small limits: gigabytes and seconds cost a busy machine more than the test can wait.
        text = text.replace(
            "_SECONDS, _BYTES = 10.0, 1536 << 20", "_SECONDS, _BYTES = 6.0, 64 << 20"
        )
        (folder / name).write_text(text)
    (folder / "targets.py").write_text(_TARGETS)
    ended = subprocess.run(
        [sys.executable, str(folder / "run.py"), "images", "--cases", "4", "--seed", "1"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "ZeroDivisionError" in ended.stdout
    assert "no answer" in ended.stdout
    assert "MiB" in ended.stdout
    assert "4 cases with seed 1, 1 read, 0 refused, 3 failed" in ended.stdout
    kept = sorted((tmp_path / "build/fuzz").iterdir())
    assert [path.name for path in kept] == ["images-1-0", "images-1-1", "images-1-2"]
    assert kept[0].read_bytes() == b"case"


_TARGETS = """
import sys, time
from itertools import count
from types import SimpleNamespace

FAULTS = [lambda: 1 / 0, lambda: time.sleep(60), lambda: len(b"x" * (96 << 20)), lambda: None]
cases = count(int(sys.argv[3]))


def images():
    return SimpleNamespace(make=lambda draw: b"case", read=lambda file: FAULTS[next(cases)]())


TARGETS = {"images": images}
"""
