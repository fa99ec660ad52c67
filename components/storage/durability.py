"""Makes files survive a power cut: waits until they are on the disk."""

import os
from pathlib import Path


def sync_tree(path: str | Path) -> None:
    """Waits until a file, or a folder with all its content, is on the disk under its name.

    Args:
        path: A local file or folder. Its entry in the enclosing folder is written as well.

    Raises:
        OSError: If something can't be written, for example because the disk is full.
    """
    for folder, _, files in os.walk(path):
        for name in files:
            _sync(Path(folder, name))
        _sync(Path(folder))
    if not Path(path).is_dir():
        _sync(Path(path))
    _sync(Path(path).absolute().parent)


def _sync(path: Path) -> None:
    if path.is_symlink():
        return
    # Linux syncs a file that is open for reading as well.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
