from pathlib import Path

import h5py
import numpy as np
import pytest

from components.captioning.hdf5 import check_hdf5


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
    with pytest.raises(ValueError, match="more than 79 bytes"):
        check_hdf5(file, most=79)


def test_check_hdf5_of_data_that_is_announced_only(file: Path) -> None:
    with h5py.File(file, "r+") as content:
        content.create_dataset("huge", (10**12,), np.float32, chunks=(1000,))
    with pytest.raises(ValueError, match="announces more than"):
        check_hdf5(file, most=1 << 30)


def test_check_hdf5_refuses_other_files(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(16))
    with h5py.File(file, "r+") as content:
        content.create_dataset("raw", (4,), np.float32, external=[(str(secret), 0, 16)])
    with pytest.raises(ValueError, match="/raw refers to another file"):
        check_hdf5(file, most=1 << 30)
    for link in (h5py.ExternalLink(str(secret), "/"), h5py.SoftLink("/bias")):
        with h5py.File(tmp_path / "b.h5", "w") as content:
            content["link"] = link
        with pytest.raises(ValueError, match="link to elsewhere"):
            check_hdf5(tmp_path / "b.h5", most=1 << 30)
