"""Weights files are data of strangers: looked at before Keras reads them, and read whole or not."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import h5py
import keras
import numpy as np

# What h5py and Keras raise for a file of another network, or that is no weights file at all.
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

_MAX_OBJECTS = 100_000
# A file may also hold the top, the optimizer's state and 64 bits a number.
_MOST_TIMES = 8
_MOST_BESIDES = 1 << 30


class WeightsError(Exception):
    """A weights file does not hold a model's weights; says why."""


def load_weights_strictly(model: keras.Model, file: Path) -> None:
    """Loads all of a model's weights, or fails.

    Args:
        model: Built.
        file: A `.weights.h5` of Keras 3 or an `.h5` of older versions.

    Raises:
        WeightsError: If it is no weights file, is another network's, lacks some weights, refers to
            other files, or announces far more numbers than the model has.
    """
    # Keras skips what a file lacks with no more than a warning: NaN shows what it skipped.
    numbers = [variable for variable in model.weights if variable.dtype == "float32"]
    for variable in numbers:
        variable.assign(np.full(variable.shape, np.nan, np.float32))
    size = sum(int(np.prod(variable.shape)) for variable in model.weights) * 4
    try:
        check_hdf5(file, most=_MOST_TIMES * size + _MOST_BESIDES)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            model.load_weights(file)
    except _FILE_ERRORS as error:
        # Keras goes on to list all layers.
        reason = str(error).partition("\n\nList of")[0] or type(error).__name__
        raise WeightsError(f"{file.name} does not hold them: {reason}") from error
    missing = [variable.path for variable in numbers if not np.isfinite(variable.numpy()).all()]
    if missing:
        raise WeightsError(
            f"{file.name} lacks {len(missing)} of {len(numbers)} weights as finite numbers, the "
            f"first is {missing[0]}"
        )


def check_hdf5(file: Path, *, most: int) -> int:
    """Checks that an HDF5 file holds its own data, and no more than it may.

    Args:
        file: An HDF5 file.
        most: Bytes that its data sets may take in memory, all together.

    Returns:
        Those bytes.

    Raises:
        ValueError: If they are more, or it refers to other files.
        OSError, RuntimeError, LookupError: If it is no HDF5 file, or a broken one.
    """
    total = 0
    with h5py.File(file, "r") as content:
        for dataset in _datasets(content):
            if dataset.external or dataset.is_virtual:
                raise ValueError(f"{dataset.name} refers to another file")
            total += dataset.nbytes
            if total > most:
                raise ValueError(f"it announces more than {most} bytes")
    return total


def _datasets(content: h5py.File) -> Iterator[h5py.Dataset]:
    waiting, seen = [content["/"]], 0
    groups = set()
    while waiting:
        group = waiting.pop()
        place = h5py.h5o.get_info(group.id).addr
        if place in groups:  # groups may hold one another
            continue
        groups.add(place)
        for name in group:
            seen += 1
            if seen > _MAX_OBJECTS:
                raise ValueError(f"it has more than {_MAX_OBJECTS} objects")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{name} is a link to elsewhere")
            child = group[name]
            if isinstance(child, h5py.Group):
                waiting.append(child)
            elif isinstance(child, h5py.Dataset):
                yield child
