"""Weights files are data of strangers: tried in another process first, and read whole or not."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np

# What h5py and Keras raise for a file of another network.
_FILE_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)

_TRIAL = Path(__file__).with_name("hdf5_trial.py")
# Of the process that tries: start-up, and a disk that is slow and far away.
_SECONDS, _BYTES_A_SECOND = 30.0, 10e6
_OWN_MEMORY = 1 << 30
# A file may also hold the classifier, the optimizer's state and 64 bits a number.
_MOST_TIMES = 8
_MOST_BESIDES = 1 << 30


class WeightsError(Exception):
    """A weights file does not hold a model's weights; says why."""


def check_hdf5(file: Path, *, most: int) -> int:
    """Checks that an HDF5 file can be read, holds its own data, and no more than it may.

    The HDF5 library may crash, take gigabytes or never return for a hostile file: it is read in a
    process of its own first, whose time and memory are limited.

    Args:
        file: An HDF5 file.
        most: Bytes that its data sets may take in memory, all together.

    Returns:
        Those bytes.

    Raises:
        WeightsError: If they are more, the file refers to other files, or can't be read.
    """
    try:
        tried = subprocess.run(  # noqa: S603 # a program of ours; the file is only an argument
            [sys.executable, "-P", str(_TRIAL), str(file), str(most), str(most + _OWN_MEMORY)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            timeout=_SECONDS + file.stat().st_size / _BYTES_A_SECOND,
        )
    except subprocess.TimeoutExpired as error:
        raise WeightsError(
            f"{file.name} can't be read: nothing came of it in {error.timeout:.0f} s"
        ) from error
    except OSError as error:
        raise WeightsError(f"{file.name} can't be read: {error.strerror}") from error
    if tried.returncode:
        reason = tried.stdout.strip() or f"the HDF5 library ends with {tried.returncode}"
        raise WeightsError(f"{file.name} can't be read: {reason}")
    return int(tried.stdout)


def check_weights_file(model: keras.Model, file: Path) -> None:
    """Checks that a weights file can be read and is not far larger than a model.

    Raises:
        WeightsError: As `check_hdf5`.
    """
    size = 4 * sum(int(np.prod(variable.shape)) for variable in model.weights)
    check_hdf5(file, most=_MOST_TIMES * size + _MOST_BESIDES)


def load_weights_strictly(model: keras.Model, file: Path) -> None:
    """Loads all of a model's weights, or fails.

    Args:
        model: Built.
        file: A `.weights.h5` of Keras 3 or an `.h5` of older versions, checked before.

    Raises:
        WeightsError: If it is another network's, or lacks some weights.
    """
    # Keras skips what a file lacks with no more than a warning: NaN shows what it skipped.
    numbers = [variable for variable in model.weights if variable.dtype == "float32"]
    for variable in numbers:
        variable.assign(np.full(variable.shape, np.nan, np.float32))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            model.load_weights(file)
    except _FILE_ERRORS as error:
        # Keras goes on to list all layers.
        reason = " ".join(str(error).partition("\n\nList of")[0].split()) or type(error).__name__
        raise WeightsError(f"{file.name} does not hold them: {reason}") from error
    missing = [variable.path for variable in numbers if not np.isfinite(variable.numpy()).all()]
    if missing:
        raise WeightsError(
            f"{file.name} lacks {len(missing)} of {len(numbers)} weights as finite numbers, the "
            f"first is {missing[0]}"
        )
