"""The feature store: features computed once are reused by later runs.

A store is a folder, local or in a bucket, with a subfolder for each encoder, named by its key
(`components.features.key`). It holds

1. feature shards: features by the SHA-256 of the photo's bytes, hundreds to thousands in a file;
2. the encoder: its weights, and its spec, which names the weights file.

`ingest` keeps the checks of photos beside these subfolders, in one of its own.

Each file is named by the SHA-256 of its content and never changes, so runs need no locks: each one
adds files and reads the existing ones. A file appears whole or not at all. A corrupt file does not
match its name; it is removed, and its features are computed again.
"""

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from components.artifacts.files import (
    ENCODER_FILE,
    ENCODER_ONNX_FILE,
    ENCODER_WEIGHTS_FILE,
    encoder_weights_file,
    read_json,
    write_json,
)
from components.artifacts.fingerprint import fingerprint_file
from components.errors import DataError
from components.features.compaction import SMALL_BYTES, compact_shards
from components.features.shards import entry_count, read_feature_shard
from components.storage.filesystem import require_writable
from components.storage.shared_folder import (
    StoredFile,
    fetch_files,
    list_files,
    mark_used_daily,
    put_file,
    remove_files,
)

logger = logging.getLogger(__name__)

# Key in the spec of a stored encoder: the name of its weights file.
_WEIGHTS = "weights_file"
_ENCODER_FILE = re.compile(r"([0-9a-f]{64})\.(json|h5|onnx)")
# The name of the weights file in the layout of `Encoder.save`, by suffix.
_WEIGHTS_FILES = {Path(name).suffix: name for name in (ENCODER_WEIGHTS_FILE, ENCODER_ONNX_FILE)}
# Small shards are compacted once there are this many.
_COMPACTED_FROM = 32
# Attempts to fetch all files: another run may compact shards between listing and download.
_ATTEMPTS = 5


class FeatureLocation(NamedTuple):
    """Where a photo's feature is stored.

    Attributes:
        shard: File name of the feature shard.
        row: Row in the shard.
    """

    shard: str
    row: int


@dataclass(frozen=True)
class FeatureStore:
    """The features of one encoder.

    Attributes:
        folder: The encoder's folder in the store, local or in a bucket; empty if there is no store.
        scratch: A local folder of this run. Files of the store are copied there, and new ones are
            written there first, so that no other run can remove them.
    """

    folder: str
    scratch: Path

    def fetch(self, *, shards: bool = True) -> None:
        """Copies the files of the store into the scratch folder.

        Args:
            shards: Whether to copy the feature shards as well as the encoder.

        Raises:
            SettingError: If the store can't be used.
            CaptionflowError: If the object store does not answer.
        """
        if not self.folder:
            return
        require_writable(self.folder)
        for _ in range(_ATTEMPTS):
            fetched = {path.name for path in self.scratch.iterdir()}
            wanted = [
                file.name
                for file in list_files(self.folder)
                if file.name not in fetched
                and (
                    _ENCODER_FILE.fullmatch(file.name)
                    or (shards and entry_count(file.name) is not None)
                )
            ]
            if len(fetch_files(self.folder, wanted, self.scratch)) == len(wanted):
                break

    def fetch_shards(self, names: Iterable[str]) -> None:
        """Copies feature shards into the scratch folder; skips any that no longer exist."""
        fetch_files(self.folder, names, self.scratch)

    def index(self) -> dict[str, FeatureLocation]:
        """Returns the location of every feature in the scratch folder, by the photo's SHA-256.

        Corrupt shards are removed, from the store as well.
        """
        locations: dict[str, FeatureLocation] = {}
        for path in sorted(self.scratch.glob("*.npy")):
            try:
                photos, _ = read_feature_shard(path)
            except DataError as error:
                self._discard(path, error)
                continue
            for row, photo in enumerate(photos):
                locations[photo] = FeatureLocation(path.name, row)
        return locations

    def add(self, file: Path) -> None:
        """Copies a file of the scratch folder into the store.

        Raises:
            SettingError, CaptionflowError: As `fetch`.
        """
        if self.folder:
            put_file(file, self.folder)

    def restore_encoder(self, directory: Path) -> bool:
        """Copies the stored encoder into a directory, in the layout of `Encoder.save`.

        Args:
            directory: Where it goes.

        Returns:
            False if the store has no encoder, or its files are corrupt.
        """
        for path in sorted(self.scratch.iterdir()):
            if (match := _ENCODER_FILE.fullmatch(path.name)) and fingerprint_file(path) != match[1]:
                self._discard(path, f"{path.name} does not have the SHA-256 in its name")
        for path in sorted(self.scratch.glob("*.json")):
            try:
                spec = read_json(path)
                weights = self.scratch / Path(spec.pop(_WEIGHTS)).name
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                self._discard(path, f"{path.name} is not an encoder spec: {error!r}")
                continue
            name = _WEIGHTS_FILES.get(weights.suffix)
            if name and _ENCODER_FILE.fullmatch(weights.name) and weights.exists():
                shutil.copyfile(weights, directory / name)
                write_json(directory / ENCODER_FILE, spec)
                return True
        return False

    def save_encoder(self, directory: Path) -> None:
        """Copies an encoder that `Encoder.save` wrote into the store.

        Raises:
            SettingError, CaptionflowError: As `fetch`.
        """
        if not self.folder:
            return
        saved = directory / encoder_weights_file(directory)
        weights = self.scratch / f"{fingerprint_file(saved)}{saved.suffix}"
        shutil.copyfile(saved, weights)
        content = json.dumps({**read_json(directory / ENCODER_FILE), _WEIGHTS: weights.name})
        spec = self.scratch / f"{hashlib.sha256(content.encode()).hexdigest()}.json"
        spec.write_text(content)
        # The weights come first, so that no spec in the store lacks its weights.
        self.add(weights)
        self.add(spec)

    def finish(self, used: Iterable[str]) -> None:
        """Marks files as used, which keeps them from eviction, and compacts small shards.

        Args:
            used: File names of the shards that this run used.

        Raises:
            SettingError, CaptionflowError: As `fetch`.
        """
        if not self.folder:
            return
        files = list_files(self.folder)
        kept = set(used)
        mark_used_daily(
            self.folder,
            [file for file in files if file.name in kept or _ENCODER_FILE.fullmatch(file.name)],
        )
        self._compact(files)

    def _compact(self, files: Iterable[StoredFile]) -> None:
        small = [
            self.scratch / file.name
            for file in files
            if entry_count(file.name) is not None
            and file.size < SMALL_BYTES
            and (self.scratch / file.name).exists()
        ]
        if len(small) < _COMPACTED_FROM:
            return
        compacted = compact_shards(small, self.scratch)
        for path in compacted:
            self.add(path)
        remove_files(self.folder, {path.name for path in small} - {p.name for p in compacted})
        logger.info("Compacted %d small feature shards into %d", len(small), len(compacted))

    def _discard(self, path: Path, reason: object) -> None:
        logger.warning("Removed a corrupt file from the feature store: %s", reason)
        path.unlink()
        if self.folder:
            remove_files(self.folder, [path.name])
