"""Indexes a feature store on Beam's workers, so that no feature is copied to this machine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from components.features.shards import entry_count
from components.features.store import FeatureLocation, FeatureStore
from components.runtime.beam import beam_pipeline, unwrapped_errors
from components.runtime.beam_lists import ReadLists
from components.runtime.beam_workers import temporary_folder
from components.storage.shared_folder import list_files
from components.storage.transfer import local_copy

_SCHEMA = pa.schema([("shard", pa.string()), ("row", pa.int32()), ("photo", pa.string())])


@dataclass(frozen=True, slots=True)
class _Shard:
    name: str


def index_remotely(features: FeatureStore, beam_flags: str) -> dict[str, FeatureLocation]:
    """Returns the location of every feature in a store, as `FeatureStore.index` does.

    Args:
        features: A store that workers can access.
        beam_flags: Flags of Beam's runner, with `--temp_location`.

    Raises:
        SettingError: If workers can't use the store or the temp location.
        CaptionflowError: If the object store does not answer.
    """
    names = [file.name for file in list_files(features.folder)]
    lists = [[_Shard(name)] for name in names if entry_count(name) is not None]
    if not lists:
        return {}
    with temporary_folder(beam_flags) as folder, TemporaryDirectory() as temporary:
        source = ReadLists(lists, beam_flags=beam_flags, folder=folder)
        with unwrapped_errors(), beam_pipeline(beam_flags) as pipeline:
            _ = (
                pipeline
                | "Shards" >> source
                | "Index" >> beam.ParDo(_IndexShards(features))
                | "Write" >> beam.io.WriteToParquet(f"{folder}/index/part", _SCHEMA)
            )
        parts = local_copy(f"{folder}/index", Path(temporary)).glob("part*")
        # In the order in which `index` reads them: if a photo is in two shards, the last one
        # counts.
        rows = pa.concat_tables([pq.read_table(part) for part in parts]).sort_by("shard")
    return {
        row["photo"]: FeatureLocation(row["shard"], row["row"])
        for batch in rows.to_batches()
        for row in batch.to_pylist()
    }


class _IndexShards(beam.DoFn):
    def __init__(self, features: FeatureStore) -> None:
        super().__init__()
        self._features = features

    def process(self, element: Sequence[_Shard]) -> Iterator[dict[str, Any]]:
        for shard in element:
            with TemporaryDirectory(prefix="captionflow-index-") as temporary:
                store = replace(self._features, scratch=Path(temporary))
                store.fetch_shards([shard.name])
                for photo, (name, row) in store.index().items():
                    yield {"shard": name, "row": row, "photo": photo}
