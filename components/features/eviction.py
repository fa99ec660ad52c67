"""Eviction: lists what a feature store holds, and chooses what to remove from it."""

import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from components.artifacts.files import read_json
from components.features.shards import entry_count
from components.storage.shared_folder import StoredFile, fetch_files, list_files

# ENCODER_KEY/FILE, as `components.features.store` names them, and the checks of photos, as `ingest`
# names them; other files are left alone.
_FILE = re.compile(r"([0-9a-f]{64})/([0-9a-f]{64}(?:\.json|\.h5|\.onnx|-(\d+)\.(?:npy|parquet)))")


@dataclass(frozen=True, slots=True)
class StoreFolder:
    """A folder of a feature store: an encoder and its features, or checks of photos.

    Attributes:
        name: Network, weights and precision of the encoder, empty if its spec is missing; or that
            these are checks.
        key: The folder's name; for encoders, see `components.features.key`.
        entries: Number of features, or of checks.
        files: Feature shards, weights and spec of the encoder; or files of checks.
    """

    name: str
    key: str
    entries: int
    files: tuple[StoredFile, ...]

    @property
    def size(self) -> int:
        """Total size in bytes."""
        return sum(file.size for file in self.files)

    @property
    def used(self) -> datetime:
        """When any of its files was last used, to the day."""
        return max(file.used for file in self.files)


def survey(store: str) -> list[StoreFolder]:
    """Lists the folders of a feature store, the most recently used first.

    Args:
        store: Folder of the store, local or in a bucket.

    Raises:
        SettingError: If the bucket does not exist, or this account may not use it.
        CaptionflowError: If the object store does not answer.
    """
    by_key: dict[str, list[StoredFile]] = {}
    entries = Counter[str]()
    for file in list_files(store):
        if match := _FILE.fullmatch(file.name):
            by_key.setdefault(match[1], []).append(file)
            entries[match[1]] += int(match[3] or 0)
    found = [
        StoreFolder(_name(store, key, files), key, entries[key], tuple(files))
        for key, files in by_key.items()
    ]
    return sorted(found, key=lambda folder: folder.used, reverse=True)


def choose_evicted(
    folders: Iterable[StoreFolder],
    *,
    older_than: timedelta | None = None,
    keep_bytes: int | None = None,
    now: datetime | None = None,
) -> list[StoredFile]:
    """Chooses the files to remove: the least recently used feature shards, and checks of photos.

    An encoder's weights and spec are evicted with the last of its shards. The checks of a folder
    are evicted together.

    Args:
        folders: What the store holds.
        older_than: Evict everything that was last used longer ago than this.
        keep_bytes: Evict until at most this many bytes are left.
        now: Current time; None reads the clock.

    Returns:
        The files to remove.
    """
    cutoff = (now or datetime.now(UTC)) - older_than if older_than is not None else None
    groups = [group for folder in folders for group in _groups(folder)]
    left = sum(file.size for group in groups for file in group)
    chosen: list[StoredFile] = []
    for group in sorted(groups, key=_used):
        is_old = cutoff is not None and _used(group) < cutoff
        is_over_budget = keep_bytes is not None and left > keep_bytes
        if is_old or is_over_budget:
            chosen += group
            left -= sum(file.size for file in group)
    return chosen


def _groups(folder: StoreFolder) -> list[list[StoredFile]]:
    """Returns the files that are evicted together: a group per shard, the last with the encoder."""
    shards: list[StoredFile] = []
    others: list[StoredFile] = []
    for file in folder.files:
        is_shard = entry_count(Path(file.name).name) is not None
        (shards if is_shard else others).append(file)
    shards.sort(key=lambda file: file.used)
    return [[file] for file in shards[:-1]] + [shards[-1:] + others]


def _used(files: Iterable[StoredFile]) -> datetime:
    return max(file.used for file in files)


def _name(store: str, key: str, files: list[StoredFile]) -> str:
    if any(file.name.endswith(".parquet") for file in files):
        return "checks of photos"
    specs = [file.name for file in files if file.name.endswith(".json")]
    with tempfile.TemporaryDirectory(prefix="captionflow-store-") as directory:
        for name in fetch_files(store, specs[:1], Path(directory)):
            spec = read_json(Path(directory, Path(name).name))
            # Specs of older versions have no precision.
            facts = [spec["network"], spec["weights"], spec.get("precision", "float32")]
            return ", ".join([*facts, "multi-crop"] if spec.get("multi_crop") else facts)
    return ""
