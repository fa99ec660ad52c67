from pathlib import Path

import h5py
import numpy as np
import pytest

from components.captioning import hdf5
from components.captioning.hdf5 import WeightsError, check_hdf5


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as content:
        content["deep/kernel"] = np.ones((3, 4), np.float32)
        content["bias"] = np.ones(4, np.float64)
        content["deep/again"] = content["deep"]  # a group that holds itself
    return path


def test_check_hdf5_adds_up_its_data_sets(file: Path) -> None:
    assert check_hdf5(file, most=80) == 3 * 4 * 4 + 4 * 8
    with pytest.raises(WeightsError, match="more than 79 bytes"):
        check_hdf5(file, most=79)


def test_check_hdf5_of_data_that_is_announced_only(file: Path) -> None:
    with h5py.File(file, "r+") as content:
        content.create_dataset("huge", (10**12,), np.float32, chunks=(1000,))
    with pytest.raises(WeightsError, match="announces more than"):
        check_hdf5(file, most=1 << 30)


def test_check_hdf5_refuses_other_files(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(16))
    with h5py.File(file, "r+") as content:
        content.create_dataset("raw", (4,), np.float32, external=[(str(secret), 0, 16)])
    with pytest.raises(WeightsError, match="/raw refers to another file"):
        check_hdf5(file, most=1 << 30)
    for link in (h5py.ExternalLink(str(secret), "/"), h5py.SoftLink("/bias")):
        with h5py.File(tmp_path / "b.h5", "w") as content:
            content["link"] = link
        with pytest.raises(WeightsError, match="link to elsewhere"):
            check_hdf5(tmp_path / "b.h5", most=1 << 30)


def test_check_hdf5_of_what_crashes_or_hangs_the_library(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Such files are found by the fuzz loop, and differ with the library's version.
    for program, said in (
        ("import os; os.abort()", "ended with -6"),
        ("import time; time.sleep(60)", "no result after 0 s"),
        ("def run(*_):\n    while True:\n        pass", "no result after 0 s"),
    ):
        trial = tmp_path / "trial.py"
        trial.write_text(program)
        monkeypatch.setattr(hdf5, "_TRIAL", trial)
        monkeypatch.setattr(hdf5, "_SECONDS", 5.0 if "abort" in program else 0.2)
        with pytest.raises(WeightsError, match=f"a.h5 can't be read: .*{said}"):
            check_hdf5(file, most=80)


def test_check_hdf5_of_no_or_broken_file(file: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"nowhere.h5 can't be read: No such file"):
        check_hdf5(tmp_path / "nowhere.h5", most=80)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(WeightsError, match=r"a.h5 can't be read: .*truncated"):
        check_hdf5(file, most=80)
