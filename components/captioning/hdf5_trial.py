"""Reads all of an HDF5 file in a process that may be ended; run by `hdf5.check_hdf5`.

Standard output gets a line: the bytes of all its data sets, or why it is refused.
"""

import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py

_MAX_OBJECTS = 100_000


def read_all(file: str, most: int) -> int:
    """Reads all attributes and data sets of a file.

    Returns:
        The bytes that the data sets take in memory, all together.

    Raises:
        ValueError: If they are more than `most`, or the file refers to other files.
        Exception: Whatever h5py raises for a broken file.
    """
    total = 0
    with h5py.File(file, "r") as content:
        for each in _objects(content):
            for name in each.attrs:
                each.attrs[name]
            if isinstance(each, h5py.Dataset):
                if each.external or each.is_virtual:
                    raise ValueError(f"{each.name} refers to another file")
                total += each.nbytes
                if total > most:
                    raise ValueError(f"it announces more than {most} bytes")
                each[()]
    return total


def _objects(content: h5py.File) -> Iterator[h5py.Group | h5py.Dataset]:
    waiting, groups, seen = [content["/"]], set(), 0
    while waiting:
        group = waiting.pop()
        place = h5py.h5o.get_info(group.id).addr
        if place in groups:  # groups may hold one another
            continue
        groups.add(place)
        yield group
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


def main(file: str, most: str, memory: str) -> int:
    """Prints the outcome; returns 0 if the file can be read."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # other systems do not tell how much is in use
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + int(memory)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        outcome, code = str(read_all(file, int(most))), 0
    except Exception as error:  # a hostile file may cause any
        outcome, code = " ".join(str(error).split()) or type(error).__name__, 1
    sys.stdout.write(f"{outcome}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
