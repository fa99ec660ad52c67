"""Reads NumPy files that may come from an untrusted source."""

from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray


def read_array(path: Path) -> NDArray[Any]:
    """Reads an untrusted NumPy file, without pickle.

    Raises:
        OSError: If the file is missing.
        ValueError: If it is not a NumPy array, or is shorter than its header says.
    """
    try:
        # Memory-mapped first, because the header may announce far more numbers than the file has.
        mapped = np.lib.format.open_memmap(path, mode="r")
        if not mapped.dtype.itemsize:
            # An empty file can announce any number of zero-byte items; a copy would allocate a
            # byte for each.
            raise ValueError(
                f"{path.name} must be a NumPy array of numbers. Received: {mapped.dtype.str}"
            )
        return np.array(mapped)
    except (ArithmeticError, RecursionError, SyntaxError, TokenError) as error:
        raise ValueError(f"{path.name} must be a NumPy array: {error}") from error
