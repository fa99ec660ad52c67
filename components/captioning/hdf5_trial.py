"""Reads all of an HDF5 file in a process that may be killed; run by `hdf5.check_hdf5`."""

from collections.abc import Iterator

import h5py

_MAX_OBJECTS = 100_000


def run(_: bytes, file: str, limit: str) -> str:
    """Reads all attributes and data sets of a file.

    Args:
        file: Its path.
        limit: Maximum size of all its data sets in memory, in bytes.

    Returns:
        The size of all its data sets in memory, in bytes.

    Raises:
        ValueError: If they are larger, or the file refers to other files.
        Exception: Whatever h5py raises for a broken file.
    """
    total, most = 0, int(limit)
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
    return str(total)


def _objects(content: h5py.File) -> Iterator[h5py.Group | h5py.Dataset]:
    waiting, groups, seen = [content["/"]], set(), 0
    while waiting:
        group = waiting.pop()
        place = h5py.h5o.get_info(group.id).addr
        if place in groups:  # groups can contain each other
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
