"""Loads untrusted weights files: tries them in another process first, then loads all weights."""

import warnings
from pathlib import Path

import keras
import numpy as np

from components.captioning.limited_process import LimitedProcessError, run_limited

# What h5py and Keras raise for a broken file or one of another network.
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
# Time limit of the trial: a constant for its start, and the speed of a slow, remote disk.
_SECONDS, _BYTES_A_SECOND = 30.0, 10e6
_OWN_MEMORY = 1 << 30
# How much larger than the weights a file may be, as a factor and in bytes: it may also hold the
# classifier, the optimizer's state and 64-bit numbers.
_MOST_TIMES = 8
_MOST_BESIDES = 1 << 30


class WeightsError(Exception):
    """A weights file does not hold a model's weights; says why."""


def check_hdf5(file: Path, *, most: int) -> int:
    """Checks that an HDF5 file is readable and self-contained, and that its data are not too large.

    A hostile file can make the HDF5 library crash, allocate gigabytes or never return. It is
    therefore first read in a process of its own, whose time and memory are limited.

    Args:
        file: An HDF5 file.
        most: Maximum size of all its data sets in memory, in bytes.

    Returns:
        The size of all its data sets in memory, in bytes.

    Raises:
        WeightsError: If they are larger, the file refers to other files, or can't be read.
    """
    try:
        return int(
            run_limited(
                _TRIAL,
                str(file),
                str(most),
                memory=most + _OWN_MEMORY,
                seconds=_SECONDS + file.stat().st_size / _BYTES_A_SECOND,
            )
        )
    except LimitedProcessError as error:
        raise WeightsError(f"{file.name} can't be read: {error}") from error
    except OSError as error:
        raise WeightsError(f"{file.name} can't be read: {error.strerror}") from error


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
        model: A built model.
        file: A `.weights.h5` of Keras 3 or an `.h5` of older versions, already checked.

    Raises:
        WeightsError: If it is for another network, or lacks weights.
    """
    # Keras only warns about weights that a file lacks: those that it does not load stay NaN.
    numbers = [variable for variable in model.weights if variable.dtype == "float32"]
    for variable in numbers:
        variable.assign(np.full(variable.shape, np.nan, np.float32))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            model.load_weights(file)
    except _FILE_ERRORS as error:
        # Keras's message goes on with a list of all layers.
        reason = " ".join(str(error).partition("\n\nList of")[0].split()) or type(error).__name__
        raise WeightsError(f"{file.name} does not hold them: {reason}") from error
    missing = [variable.path for variable in numbers if not np.isfinite(variable.numpy()).all()]
    if missing:
        raise WeightsError(
            f"{file.name} lacks {len(missing)} of {len(numbers)} weights as finite numbers, the "
            f"first is {missing[0]}"
        )
