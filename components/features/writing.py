"""Writes examples as TFRecord shards, each from one Beam element, which keeps their order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import apache_beam as beam
import tensorflow as tf

from components.artifacts.example_records import to_example
from components.features.shards import read_feature_shard
from components.features.store import FeatureLocation, FeatureStore
from components.features.tasks import EncodingTask
from components.runtime.beam import beam_pipeline, unwrapped_errors
from components.runtime.beam_lists import ReadLists
from components.runtime.beam_workers import results_missing
from components.storage.shared_folder import fetch_files, list_files, put_file


@dataclass(frozen=True, slots=True)
class Row:
    """An example to write, and the location of its feature.

    Attributes:
        shard: Name of the TFRecord file.
        image_id: As in the manifest.
        tokens: As in `CaptionedPhoto`.
        references: As in `CaptionedPhoto`.
        feature_shard: As in `FeatureLocation`.
        feature_row: As in `FeatureLocation`.
    """

    shard: str
    image_id: str
    tokens: Sequence[Sequence[int]]
    references: Sequence[str]
    feature_shard: str
    feature_row: int


def write_examples(
    tasks: Sequence[EncodingTask],
    locations: Mapping[str, FeatureLocation],
    features: FeatureStore,
    directory: Path,
    *,
    beam_flags: str,
    folder: str = "",
) -> None:
    """Writes the examples of all photos.

    Args:
        tasks: The photos, shard by shard.
        locations: The location of each photo's feature, by the photo's SHA-256.
        features: The store. Without `folder`, its scratch folder has these features.
        directory: Where the shards go, beside the encoder.
        beam_flags: Flags of Beam's runner.
        folder: A folder that workers share. If given, they take the features from the store and
            write the shards to this folder, and this process collects the shards.

    Raises:
        SettingError: If features or shards are missing because workers write elsewhere.
        CaptionflowError: If the object store does not answer.
    """
    lost = [task.image_id for task in tasks if task.sha256 not in locations]
    if not lost:
        lists = _rows(tasks, locations)
        results = f"{folder}/examples" if folder else str(directory)
        write = WriteShard(features, results, shared=not folder)
        scratch = folder or str(features.scratch)
        source = ReadLists(lists, beam_flags=beam_flags, folder=scratch)
        with unwrapped_errors(), beam_pipeline(beam_flags) as pipeline:
            _ = pipeline | "Shards" >> source | "Write" >> beam.ParDo(write)
        names = list(dict.fromkeys(task.shard for task in tasks))
        if folder:
            fetch_files(results, {file.name for file in list_files(results)}, directory)
        lost = [name for name in names if not (directory / name).exists()]
    if lost:
        raise results_missing(f"{len(lost)} missing results, such as {lost[0]}", beam_flags)


def _rows(
    tasks: Sequence[EncodingTask], locations: Mapping[str, FeatureLocation]
) -> Iterator[list[Row]]:
    for name, of_shard in groupby(tasks, key=lambda task: task.shard):
        yield [
            Row(name, task.image_id, task.tokens, task.references, *locations[task.sha256])
            for task in of_shard
        ]


class WriteShard(beam.DoFn):
    """Writes lists of examples, each as one TFRecord file.

    Args:
        features: The store. If `shared`, its scratch folder has the features.
        folder: Where the files go.
        shared: Whether workers share this machine's files.
    """

    def __init__(self, features: FeatureStore, folder: str, *, shared: bool) -> None:
        super().__init__()
        self._shared = shared
        self._features = features
        self._folder = folder

    def process(self, element: Sequence[Row]) -> None:
        """Writes a list.

        Args:
            element: The examples of a TFRecord file, at least one.

        Raises:
            DataError: If a feature shard is missing or damaged.
            SettingError, CaptionflowError: If the store can't be used.
        """
        name = element[0].shard
        if self._shared:
            _write(element, self._features.scratch, Path(self._folder, name))
            return
        with TemporaryDirectory(prefix="captionflow-examples-") as temporary:
            store = replace(self._features, scratch=Path(temporary))
            store.fetch_shards({row.feature_shard for row in element})
            _write(element, store.scratch, Path(temporary, name))
            put_file(Path(temporary, name), self._folder)


def _write(rows: Sequence[Row], features: Path, file: Path) -> None:
    # Memory-mapped: only the rows that are written are read.
    arrays = {
        name: read_feature_shard(features / name)[1] for name in {row.feature_shard for row in rows}
    }
    with tf.io.TFRecordWriter(str(file)) as writer:
        for row in rows:
            feature = arrays[row.feature_shard][row.feature_row]
            writer.write(to_example(row.image_id, feature, row.tokens, row.references))
