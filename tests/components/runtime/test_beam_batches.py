import logging
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from apache_beam.utils.shared import Shared

from components.errors import DataError
from components.runtime.beam_batches import BatchDoFn, run_in_batches

WORKERS = "--direct_running_mode=multi_processing --direct_num_workers=2"


class Model:
    """A tiny model; not an int, since Beam shares models by weak reference."""

    factor = 10


class Multiply(BatchDoFn[int, int, Model]):
    """Writes each batch to a file named by its first item, and a file per model loaded."""

    def __init__(self, directory: Path, total: int) -> None:
        super().__init__(Shared(), batch_size=4, total=total)
        self._directory = directory

    def load_model(self) -> Model:
        loads = len(list(self._directory.glob("model-*")))
        (self._directory / f"model-{loads}").touch()
        return Model()

    def load_item(self, item: int, model: Model) -> int:
        if item < 0:
            raise DataError(f"item must not be negative. Received: {item}")
        return item * model.factor

    def process(self, element: Sequence[int]) -> None:
        for items, loaded in self.batches(element):
            assert loaded == [item * self.model.factor for item in items]
            (self._directory / f"{items[0]:04d}").write_text(" ".join(map(str, loaded)))


@pytest.mark.parametrize("flags", ["", WORKERS], ids=["in this process", "two workers"])
def test_run_in_batches_makes_full_batches_with_any_runner(flags: str, tmp_path: Path) -> None:
    run_in_batches(Multiply(tmp_path, 22), list(range(22)), flags)
    written = sorted(path for path in tmp_path.iterdir() if path.name.isdigit())
    batches = [[int(item) // 10 for item in path.read_text().split()] for path in written]
    assert batches == [list(range(start, min(start + 4, 22))) for start in range(0, 22, 4)]


def test_run_in_batches_loads_the_model_once_per_process(tmp_path: Path) -> None:
    run_in_batches(Multiply(tmp_path, 22), list(range(22)), "")
    assert [path.name for path in tmp_path.glob("model-*")] == ["model-0"]


def test_run_in_batches_combines_batches_of_many_items(tmp_path: Path) -> None:
    class Lists(Multiply):
        def process(self, element: Sequence[int]) -> None:
            (self._directory / f"{element[0]:04d}").write_text(str(len(element)))

    # 200 items in at least 16 lists: 3 batches of 4 in each, the rest in the last.
    run_in_batches(Lists(tmp_path, 200), list(range(200)), "")
    written = sorted(path for path in tmp_path.iterdir() if path.name.isdigit())
    assert [int(path.read_text()) for path in written] == [12] * 16 + [8]


def test_run_in_batches_raises_the_error_of_an_item(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        run_in_batches(Multiply(tmp_path, 6), [0, 1, 2, 3, 4, -5], "")
    assert str(caught.value) == "item must not be negative. Received: -5"
    # The batch before it was computed.
    assert (tmp_path / "0000").read_text() == "0 10 20 30"


@pytest.mark.parametrize("flags", ["", WORKERS], ids=["in this process", "two workers"])
def test_run_in_batches_raises_the_error_of_load_model(flags: str, tmp_path: Path) -> None:
    class Broken(Multiply):
        def load_model(self) -> Model:
            raise DataError("the encoder is incomplete")

    with pytest.raises(DataError) as caught:
        run_in_batches(Broken(tmp_path, 6), list(range(6)), flags)
    assert str(caught.value) == "the encoder is incomplete"


def test_batches_loads_one_batch_ahead_while_another_is_computed(tmp_path: Path) -> None:
    loaded = {item: threading.Event() for item in range(12)}

    class Recorded(Multiply):
        def load_item(self, item: int, model: Model) -> int:
            loaded[item].set()
            return item

    step = Recorded(tmp_path, 12)
    step.setup()
    step.start_bundle()
    batches = step.batches(range(12))
    assert next(batches) == (range(4), [0, 1, 2, 3])
    # The caller is computing the first batch.
    assert all(loaded[item].wait(10) for item in range(4, 8))
    # At most one batch is loaded ahead.
    assert not any(loaded[item].is_set() for item in range(8, 12))
    assert next(batches) == (range(4, 8), [4, 5, 6, 7])
    assert all(loaded[item].wait(10) for item in range(8, 12))
    step.teardown()


def test_batches_logs_progress_when_the_last_batch_is_done(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    step = Multiply(tmp_path, 6)
    step.setup()
    step.start_bundle()
    with caplog.at_level(logging.INFO):
        batches = step.batches(range(6))
        next(batches), next(batches)
        assert "photos" not in caplog.text
        assert list(batches) == []
    step.teardown()
    assert "6 of 6 photos, " in caplog.text
    # Under the subclass's module, whose package's log a command shows.
    assert caplog.records[-1].name == __name__
