"""What Beam's worker processes share, on a portable engine."""

import os
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from apache_beam.internal.cloudpickle import cloudpickle
from apache_beam.utils.shared import Shared

from components.runtime.beam_batches import BatchDoFn, run_in_batches

# Workers can't import a test module, so its classes are sent whole.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Model:
    """A tiny model; not an int, since Beam shares models by weak reference."""


class Note(BatchDoFn[int, int, Model]):
    """Writes a file for each model that is loaded, and one for each list of items."""

    def __init__(self, directory: Path, total: int) -> None:
        super().__init__(Shared(), batch_size=4, total=total)
        self._directory = directory

    def load_model(self) -> Model:
        (self._directory / f"model-{os.getpid()}-{uuid.uuid4().hex}").touch()
        return Model()

    def load_item(self, item: int, model: Model) -> int:
        return item

    def process(self, element: Sequence[int]) -> Iterator[str]:
        for items, _ in self.batches(element):
            (self._directory / f"items-{items[0]}-{os.getpid()}").touch()
        yield str(element[0])


def test_worker_process_loads_one_model_for_all_its_lists(own_pool: str, tmp_path: Path) -> None:
    run_in_batches(Note(tmp_path, 200), list(range(200)), own_pool)
    names = [
        path.name.split("-")
        for path in tmp_path.iterdir()
        if path.name.startswith(("model", "items"))
    ]
    loads = [pid for kind, pid, *_ in names if kind == "model"]
    lists = [pid for kind, _, pid, *_ in names if kind == "items"]
    assert len(lists) == 50
    # Not in this process, and once in each worker that had any list.
    assert str(os.getpid()) not in loads
    assert sorted(loads) == sorted(set(lists))
