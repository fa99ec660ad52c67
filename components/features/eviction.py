"""What a feature store holds, and how it is kept small."""

import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from components.artifacts.files import read_json
from components.features.shards import entry_count
from components.storage.shared_folder import StoredFile, fetch_files, list_files

# ENCODER'S KEY/FILE, as `components.features.store` names them; no other file is touched.
_FILE = re.compile(r"([0-9a-f]{64})/([0-9a-f]{64}(?:\.json|\.h5|-\d+\.npy))")


@dataclass(frozen=True, slots=True)
class StoredEncoder:
    """What a store holds of one encoder.

    Attributes:
        name: Network, weights and precision; empty if its identity is not there.
        key: See `components.features.key`.
        features: How many.
        files: All files, those of the encoder itself too.
    """

    name: str
    key: str
    features: int
    files: tuple[StoredFile, ...]

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(file.size for file in self.files)

    @property
    def used(self) -> datetime:
        """When anything of it was used last, to the day."""
        return max(file.used for file in self.files)


def survey(store: str) -> list[StoredEncoder]:
    """Returns what a store holds, encoder by encoder, what was used last first.

    Args:
        store: Its folder, local or in a bucket.

    Raises:
        SettingError: If there is no such bucket, or this account may not use it.
        CaptionflowError: If the object store does not answer.
    """
    by_key: dict[str, list[StoredFile]] = {}
    for file in list_files(store):
        if match := _FILE.fullmatch(file.name):
            by_key.setdefault(match[1], []).append(file)
    found = [
        StoredEncoder(
            _name(store, key, files),
            key,
            sum(entry_count(Path(file.name).name) or 0 for file in files),
            tuple(files),
        )
        for key, files in by_key.items()
    ]
    return sorted(found, key=lambda encoder: encoder.used, reverse=True)


def choose_evicted(
    encoders: Iterable[StoredEncoder],
    *,
    older_than: timedelta | None = None,
    keep_bytes: int | None = None,
    now: datetime | None = None,
) -> list[StoredFile]:
    """Chooses what to remove: the segments that were not used for longest.

    What belongs to the encoder itself goes with the last of its segments.

    Args:
        encoders: What there is.
        older_than: All go that were last used before so long.
        keep_bytes: So many go that no more is left than this.
        now: The present, if None.
    """
    before = (now or datetime.now(UTC)) - older_than if older_than is not None else None
    groups = [group for encoder in encoders for group in _groups(encoder)]
    left = sum(file.size for group in groups for file in group)
    chosen: list[StoredFile] = []
    for group in sorted(groups, key=_used):
        is_old = before is not None and _used(group) < before
        is_too_much = keep_bytes is not None and left > keep_bytes
        if is_old or is_too_much:
            chosen += group
            left -= sum(file.size for file in group)
    return chosen


def _groups(encoder: StoredEncoder) -> list[list[StoredFile]]:
    segments: list[StoredFile] = []
    own: list[StoredFile] = []
    for file in encoder.files:
        is_segment = entry_count(Path(file.name).name) is not None
        (segments if is_segment else own).append(file)
    segments.sort(key=lambda file: file.used)
    return [[file] for file in segments[:-1]] + [segments[-1:] + own]


def _used(files: Iterable[StoredFile]) -> datetime:
    return max(file.used for file in files)


def _name(store: str, key: str, files: list[StoredFile]) -> str:
    identities = [file.name for file in files if file.name.endswith(".json")]
    with tempfile.TemporaryDirectory(prefix="captionflow-store-") as directory:
        for name in fetch_files(store, identities[:1], Path(directory)):
            identity = read_json(Path(directory, Path(name).name))
            # Identities of before there was a choice name none.
            precision = identity.get("precision", "float32")
            return f"{identity['network']}, {identity['weights']}, {precision}"
    return ""
