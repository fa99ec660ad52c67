"""Lists the files of a data set, with their paths below it."""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from filecmp import cmp
from functools import cached_property
from pathlib import Path, PurePosixPath

from components.errors import DataError
from components.ingest.files.composing import compose
from components.ingest.files.mapped import Mapped
from components.ingest.files.names import NameIndex
from components.storage.transfer import RemoteFile

#: Extensions of files that should be photos. Their content is checked later.
IMAGE_SUFFIXES = frozenset(
    {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
)

#: Extensions of files that may contain captions or splits.
TEXT_SUFFIXES = frozenset(
    {".csv", ".json", ".jsonl", ".list", ".lst", ".ndjson", ".token", ".tsv", ".txt"}
)

# macOS adds `__MACOSX` and `._name` to archives.
_HIDDEN_FOLDERS = (".", "__MACOSX")
_HIDDEN_FILE = "._"


@dataclass(frozen=True)
class DataFiles:
    """All files of a data set.

    Attributes:
        root: The folder that the paths are relative to.
        places: Files by their path below `root`, normalized by `photo_path`, in a fixed order; each
            as the path below `root` that it has on the disk.
        remote: The remote object of each of those files that was left in a bucket.
    """

    root: Path
    places: Mapping[str, str]
    remote: Mapping[Path, RemoteFile] = field(default_factory=dict)

    @cached_property
    def paths(self) -> Mapping[str, Path]:
        """The same files, each with its whole path."""
        return Mapped(self.places, self.root.joinpath)

    @cached_property
    def index(self) -> NameIndex:
        """The index that finds files by the last parts of their paths."""
        return NameIndex(self.places)

    def without(self, names: Collection[str]) -> "DataFiles":
        """Returns the same files except those with the given names."""
        if not names:
            return self
        places = {name: place for name, place in self.places.items() if name not in names}
        return replace(self, places=places)

    def are_same(self, names: list[str]) -> bool:
        """Returns whether all of these files have the same bytes."""
        first = self.paths[names[0]]
        return all(_are_same(first, self.paths[name], self.remote) for name in names[1:])


def photo_path(text: str) -> str:
    r"""Normalizes a path, so that paths in captions, lists and file systems can be compared.

    Unicode is composed (NFC), separators become slashes (Windows writes `cats\1.jpg`), and `.`,
    `..` and empty parts are resolved.
    """
    composed = compose(text).replace("\\", "/").strip("\ufeff \t\r\n")
    parts: list[str] = []
    for part in composed.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in ("", ".", ".."):
            parts.append(part)
    return "/".join(parts)


def list_data_files(folder: Path, remote: Mapping[Path, RemoteFile] | None = None) -> DataFiles:
    """Lists the files of a data set.

    Paths do not include folders that enclose everything, which many archives have.

    Args:
        folder: The data set's folder.
        remote: Further files that were left in a bucket: maps paths below `folder`, where no local
            file exists, to remote objects.

    Raises:
        DataError: If the paths of two different files are the same once they are normalized by
            `photo_path`.
    """
    remote = remote or {}
    files = list(list_files(folder))
    below = (path.relative_to(folder) for path in remote)
    if left := [str(path) for path in below if _is_listed(path)]:
        files = sorted([*files, *left], key=_order)
    parents = {file.rpartition("/")[0] for file in files if not is_hidden(file)}
    root = folder / os.path.commonpath(parents or [""])
    enclosing = "" if root == folder else f"{root.relative_to(folder)}/"
    places: dict[str, str] = {}
    for file in files:
        if not file.startswith(enclosing):
            continue  # a hidden file beside an enclosing folder
        place = file.removeprefix(enclosing)
        name = photo_path(_as_text(place))
        # Most names are places: one text for both.
        first = places.setdefault(place if name == place else name, place)
        if first != place and not _are_same(root / first, root / place, remote):
            raise DataError(
                f"Two different files have the same name, {name}, once separators and accents are "
                f"written alike: {str(root / first)!r} and {str(root / place)!r}. Rename one of "
                "them, also in the captions"
            )
    return DataFiles(root, places, remote)


def _are_same(one: Path, other: Path, remote: Mapping[Path, RemoteFile]) -> bool:
    first, second = remote.get(one), remote.get(other)
    if first is None and second is None:
        return cmp(one, other, shallow=False)
    # If one file is local and the other remote, they can't be compared and count as different.
    return first is not None and second is not None and first.checksum == second.checksum


def _order(file: str) -> list[tuple[bool, str]]:
    """Returns a sort key: a folder's files come before those of its subfolders, as in `os.walk`."""
    *parents, name = file.split("/")
    return [*((True, parent) for parent in parents), (False, name)]


def _is_listed(path: Path) -> bool:
    """Returns whether `list_files` would list a file at this path below the data set's folder."""
    hidden = any(parent.startswith(_HIDDEN_FOLDERS) for parent in path.parts[:-1])
    return not hidden and not path.name.startswith(_HIDDEN_FILE)


def list_files(folder: Path) -> Iterator[str]:
    """Yields all files below a folder in a fixed order, except those in hidden folders.

    Links to folders are followed, because users may keep photos on another disk. Each folder is
    visited only once.

    Yields:
        Paths below the folder.
    """
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(f for f in folders if not f.startswith(_HIDDEN_FOLDERS))
        below = os.path.relpath(parent, folder)
        for name in sorted(names):
            if not name.startswith(_HIDDEN_FILE):
                yield name if below == "." else f"{below}/{name}"


def is_hidden(name: str) -> bool:
    """Returns whether a file's name begins with a dot; such a file is never a caption file."""
    return PurePosixPath(name).name.startswith(".")


def _as_text(path: str) -> str:
    # Names that are not valid UTF-8 come from old disks and are nearly always Latin-1.
    content = os.fsencode(path)
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")
