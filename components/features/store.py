"""The feature store: what was computed once is not computed again.

A folder, local or in a bucket, in which each encoder has a folder of its own, named by its key
(`components.features.key`). There lie

1. segments: features by the SHA-256 of the photo's bytes, some hundred to thousands a file;
2. the encoder: its weights, and its identity, which names them.

All files are named by the SHA-256 of their content and never change. So runs need not wait for
each other: each adds files, and reads whatever is there. A file is put there whole; one that is
broken is told by its name, removed, and what it held is computed anew.
"""

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from components.artifacts.examples import ENCODER_FILE
from components.artifacts.files import read_json, write_json
from components.artifacts.fingerprint import fingerprint_file
from components.captioning.encoder.encoder import ENCODER_WEIGHTS_FILE
from components.errors import DataError, SettingError
from components.features.compaction import SMALL_BYTES, compact_shards
from components.features.shards import entry_count, read_feature_shard
from components.storage.filesystem import require_writable
from components.storage.shared_folder import (
    fetch_files,
    list_files,
    mark_used,
    put_file,
    remove_files,
)

logger = logging.getLogger(__name__)

#: In which segment a photo's feature lies, and the how manieth it is there.
Place = tuple[str, int]

# In the identity of an encoder: the file of its weights.
_WEIGHTS = "weights_file"
_ENCODER_NAME = re.compile(r"([0-9a-f]{64})\.(json|h5)")
# So many small segments are merged.
_MANY = 32
# That a file is in use is noted once a day.
_NOTED_EACH = timedelta(days=1)
# How often files are looked for anew that another run has just merged.
_TRIES = 5


@dataclass(frozen=True)
class FeatureStore:
    """What one encoder has computed.

    Attributes:
        folder: Of this encoder in the store, local or in a bucket; empty if there is no store.
        scratch: A local folder of this run. What is in the store is brought there, and what is
            computed is put there first: no other run can take it away.
    """

    folder: str
    scratch: Path

    def fetch(self) -> None:
        """Brings all that the store has into the scratch folder.

        Raises:
            SettingError: If the store can't be used.
            CaptionflowError: If the object store does not answer.
        """
        if not self.folder:
            return
        require_writable(self.folder)
        for _ in range(_TRIES):
            there = {path.name for path in self.scratch.iterdir()}
            wanted = [
                file.name
                for file in list_files(self.folder)
                if file.name not in there
                and (_ENCODER_NAME.fullmatch(file.name) or entry_count(file.name) is not None)
            ]
            if len(fetch_files(self.folder, wanted, self.scratch)) == len(wanted):
                break

    def index(self) -> dict[str, Place]:
        """Returns where each feature lies that is in whole segments of the scratch folder.

        Broken segments are removed, from the store too.
        """
        places: dict[str, Place] = {}
        for path in sorted(self.scratch.glob("*.npy")):
            try:
                photos, _ = read_feature_shard(path)
            except DataError as error:
                self._discard(path, error)
                continue
            places.update((photo, (path.name, row)) for row, photo in enumerate(photos))
        return places

    def add(self, file: Path) -> None:
        """Puts a file of the scratch folder into the store.

        Raises:
            SettingError, CaptionflowError: As `fetch`.
        """
        if self.folder:
            put_file(file, self.folder)

    def take_encoder(self, directory: Path) -> bool:
        """Copies the encoder out of the scratch folder, as `Encoder.save` would have written it.

        Args:
            directory: Where it goes.

        Returns:
            Whether it was there, and whole.
        """
        for path in sorted(self.scratch.iterdir()):
            if (match := _ENCODER_NAME.fullmatch(path.name)) and fingerprint_file(path) != match[1]:
                self._discard(path, f"{path.name} has not the content that its name tells")
        for path in sorted(self.scratch.glob("*.json")):
            try:
                identity = read_json(path)
                weights = self.scratch / Path(identity.pop(_WEIGHTS)).name
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                self._discard(path, f"{path.name} is no encoder's identity: {error!r}")
                continue
            if _ENCODER_NAME.fullmatch(weights.name) and weights.exists():
                shutil.copyfile(weights, directory / ENCODER_WEIGHTS_FILE)
                write_json(directory / ENCODER_FILE, identity)
                return True
        return False

    def keep_encoder(self, directory: Path) -> None:
        """Puts an encoder that `Encoder.save` wrote into the store.

        Raises:
            SettingError, CaptionflowError: As `fetch`.
        """
        if not self.folder:
            return
        weights = directory / ENCODER_WEIGHTS_FILE
        kept = self.scratch / f"{fingerprint_file(weights)}.h5"
        shutil.copyfile(weights, kept)
        facts = {**read_json(directory / ENCODER_FILE), _WEIGHTS: kept.name}
        text = json.dumps(facts).encode()
        identity = self.scratch / f"{hashlib.sha256(text).hexdigest()}.json"
        identity.write_bytes(text)
        # In this order: an identity is there only if its weights are.
        self.add(kept)
        self.add(identity)

    def finish(self, used: Iterable[str]) -> None:
        """Notes which segments were used, and merges small ones if there are many.

        Args:
            used: Names of segments.

        Raises:
            SettingError, CaptionflowError: As `fetch`.
        """
        if not self.folder:
            return
        there = list_files(self.folder)
        names = set(used)
        due = [
            file.name
            for file in there
            if (file.name in names or _ENCODER_NAME.fullmatch(file.name))
            and file.used < datetime.now(UTC) - _NOTED_EACH
        ]
        try:
            mark_used(self.folder, due)
        except SettingError as error:
            # In a bucket it takes one more permission than to add and to remove.
            logger.warning("that features were used can't be noted: %s", error)
        small = [
            self.scratch / file.name
            for file in there
            if entry_count(file.name) is not None
            and file.size < SMALL_BYTES
            and (self.scratch / file.name).exists()
        ]
        if len(small) >= _MANY:
            merged = compact_shards(small, self.scratch)
            for path in merged:
                self.add(path)
            remove_files(self.folder, {path.name for path in small} - {p.name for p in merged})
            logger.info("%d small files of the store are %d now", len(small), len(merged))

    def _discard(self, path: Path, why: object) -> None:
        logger.warning("broken in the store, so made anew: %s", why)
        path.unlink()
        if self.folder:
            remove_files(self.folder, [path.name])
