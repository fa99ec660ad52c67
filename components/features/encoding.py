"""Encodes photos into feature shards, as a Beam transform."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from apache_beam.utils.shared import Shared
from numpy.typing import NDArray

from components.captioning.encoder.casting import cast_to_float16
from components.captioning.encoder.image_encoder import ImageEncoder
from components.captioning.encoder.loading import load_encoder
from components.captioning.encoder.precision import require_precision
from components.captioning.encoder.spec import EncoderSpec
from components.errors import DataError
from components.features.compaction import SHARD_BYTES
from components.features.shards import write_feature_shard
from components.features.store import FeatureStore
from components.features.tasks import PhotoFile, read_photo
from components.runtime.beam_batches import BatchDoFn
from components.storage.filesystem import open_filesystem
from components.storage.transfer import exists


class EncodeImages(BatchDoFn[PhotoFile, NDArray[np.uint8], ImageEncoder]):
    """Encodes photos and adds their features to the store, as one or more shards per list.

    Args:
        directory: An encoder that its `save` wrote.
        shared: Beam's handle for the encoder, which a process loads only once.
        store: Where the shards go.
        batch_size: Number of photos encoded at once.
        total: Total number of photos, for the log.
        folder: A folder that the workers share, if they share no files with this machine. They then
            load the encoder from the store, and mark finished lists in this folder, so that no list
            is encoded again if the engine repeats a job.
    """

    def __init__(
        self,
        directory: Path,
        shared: Shared,
        store: FeatureStore,
        batch_size: int,
        total: int,
        folder: str = "",
    ) -> None:
        super().__init__(shared, batch_size=batch_size, total=total)
        self._directory = directory
        self._store = store
        self._folder = folder

    def load_model(self) -> ImageEncoder:
        """Loads the encoder.

        Raises:
            SettingError: If this machine does not support the encoder's precision, or the store
                can't be used.
            DataError: If there is no encoder, or a file of it is missing or broken.
            CaptionflowError: If the object store does not answer.
        """
        if not self._folder:
            return self._load(self._directory)
        with TemporaryDirectory(prefix="captionflow-encoder-") as temporary:
            scratch, directory = Path(temporary, "scratch"), Path(temporary, "encoder")
            scratch.mkdir()
            directory.mkdir()
            store = replace(self._store, scratch=scratch)
            store.fetch(shards=False)
            if not store.restore_encoder(directory):
                raise DataError(f"The feature store must have an encoder: {store.folder}")
            return self._load(directory)

    def _load(self, directory: Path) -> ImageEncoder:
        # Loading an encoder falls back to float32 with only a log line; stored features must not.
        require_precision(EncoderSpec.load(directory).precision)
        return load_encoder(directory, batch_size=self.batch_size)

    def load_item(self, item: PhotoFile, model: ImageEncoder) -> NDArray[np.uint8]:
        """Decodes a photo, uint8 [S, S, 3]; raises as `read_photo`."""
        return read_photo(item, model.load_photo)

    def process(self, element: Sequence[PhotoFile]) -> Iterator[str]:
        """Yields the names of the shards that hold the features of a list of photos.

        Args:
            element: Photos to encode.

        Raises:
            DataError: If a photo can't be read, or a feature does not fit float16.
            SettingError, CaptionflowError: If the store can't be used.
        """
        digest = hashlib.sha256("".join(photo.sha256 for photo in element).encode()).hexdigest()
        done = f"{self._folder}/done/{digest}"
        if self._folder and exists(done):
            return
        photos: list[str] = []
        features: list[NDArray[np.float16]] = []
        for tasks, pixels in self.batches(element):
            # [B, S, S, 3] -> [B, D]
            encoded, fit = cast_to_float16(self.model.encode(np.stack(pixels)))
            require_finite(tasks, fit)
            photos += [task.sha256 for task in tasks]
            features.append(encoded)
            if sum(batch.nbytes for batch in features) >= SHARD_BYTES:
                yield self._add_shard(photos, features)
                photos, features = [], []
        if photos:
            yield self._add_shard(photos, features)
        if self._folder:
            with open_filesystem(done) as (filesystem, path):
                filesystem.pipe_file(path, digest.encode())

    def _add_shard(self, photos: list[str], features: list[NDArray[np.float16]]) -> str:
        array = np.concatenate(features)
        if not self._folder:
            path = write_feature_shard(self._store.scratch, photos, array)
            self._store.add(path)
            return path.name
        with TemporaryDirectory(prefix="captionflow-features-") as temporary:
            path = write_feature_shard(Path(temporary), photos, array)
            self._store.add(path)
            return path.name


def require_finite(tasks: Sequence[PhotoFile], fit: NDArray[np.bool_]) -> None:
    """Checks that the features of all photos are finite in float16.

    Args:
        tasks: B photos.
        fit: bool [B], as `cast_to_float16` returned it.

    Raises:
        DataError: If they are not; it names the first such photo.
    """
    if not fit.all():
        raise DataError(
            "Features must be finite in float16, at most 65504. Those of photo "
            f"{tasks[int(fit.argmin())].image_id} are not: check the encoder and its weights"
        )
