"""What a run stores, and what it takes from other runs."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from cached_steps import OUTPUTS, artifact, key_of, plan, reasons, run

from pipeline.local import cache as cache_module
from pipeline.local.cache import RunCache, step_outputs


def test_run_cache_stores_a_step_when_it_ends(tmp_path: Path) -> None:
    run(tmp_path / "cache", tmp_path, killed_after="features")
    assert reasons(plan(tmp_path / "cache")[1]) == {
        "ingest": "Nothing changed.",
        "features": "Nothing changed.",
        "train": "It has not run before.",
        "gate": "Never cached: it depends on the registry.",
    }


def test_run_cache_writes_a_results_files_to_the_disk_before_its_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, bool]] = []

    def record(path: str | Path) -> None:
        synced.append((Path(path).name, bool(list((tmp_path / "cache").glob("*.json")))))

    monkeypatch.setattr(cache_module, "sync_tree", record)
    run(tmp_path / "cache", tmp_path, killed_after="ingest")
    (entry,) = (tmp_path / "cache").glob("*.json")
    assert synced == [("ingest", False), (entry.name, True)]


def test_run_cache_removes_a_checkpoint_when_its_model_is_stored(tmp_path: Path) -> None:
    spec, planned = plan(tmp_path / "cache")
    store = RunCache(tmp_path / "cache", spec, planned)
    checkpoint = tmp_path / "training.npz"
    checkpoint.touch()
    store.put(
        key_of(store, spec, "train"), artifact(tmp_path / "train", checkpoint=str(checkpoint))
    )
    assert not checkpoint.exists()


def test_run_cache_removes_a_checkpoint_that_a_power_cut_brought_back(tmp_path: Path) -> None:
    cache, checkpoint = tmp_path / "cache", tmp_path / "training.npz"
    spec, planned = plan(cache)
    first = RunCache(cache, spec, planned)
    key = key_of(first, spec, "train")
    first.put(key, artifact(tmp_path / "train", checkpoint=str(checkpoint)))
    # Its removal was not yet on the disk.
    checkpoint.touch()
    spec, planned = plan(cache)
    with closing(RunCache(cache, spec, planned)) as later:
        assert later.get(key)
    assert not checkpoint.exists()


def test_run_cache_keeps_old_results_until_there_are_new_ones(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    run(cache, tmp_path)
    spec, planned = plan(cache, reuse=False)
    assert {step.why for step in planned[:3]} == {"The cache is off (--no-cache)."}
    # kfp.local finds nothing, and runs the steps.
    store = RunCache(cache, spec, planned)
    assert store.get(key_of(store, spec, "ingest")) is None
    store.close()
    # Killed before any of them ended: the next run uses the old results.
    assert all(step.reused for step in plan(cache)[1][:3])
    # Killed after the second: the next run uses two new results.
    run(cache, tmp_path / "new", reuse=False, killed_after="features")
    spec, planned = plan(cache)
    assert all(step.reused for step in planned[:3])
    paths = [
        (step_outputs(spec, name, cache) or {})[OUTPUTS[name]].path
        for name in ("features", "train")
    ]
    assert paths == [str(tmp_path / "new" / "features"), str(tmp_path / "train")]


def test_run_cache_knows_what_ended_and_what_was_reused(tmp_path: Path) -> None:
    run(tmp_path / "cache", tmp_path, killed_after="ingest")
    store = run(tmp_path / "cache", tmp_path / "new")
    paths = {name: outputs[OUTPUTS[name]].path for name, outputs in store.outputs.items()}
    assert paths == {
        "ingest": str(tmp_path / "ingest"),
        "features": str(tmp_path / "new" / "features"),
        "train": str(tmp_path / "new" / "train"),
    }


@contextmanager
def _looked_up(cache: Path, **changed: Any) -> Iterator[Callable[[], Any]]:
    """Looks `ingest` up in a second run; yields when that waits, with what waits for its end."""
    spec, planned = plan(cache, **changed)
    waits = threading.Event()
    other = RunCache(cache, spec, planned, on_wait=lambda _: waits.set())
    with ThreadPoolExecutor() as executor, closing(other):
        found = executor.submit(other.get, key_of(other, spec, "ingest"))
        assert waits.wait(10)
        yield lambda: found.result(10)


@pytest.mark.parametrize("forced", [False, True])
def test_run_cache_waits_for_a_run_that_does_the_same_and_reuses_its_result(
    tmp_path: Path, forced: bool
) -> None:
    spec, planned = plan(tmp_path / "cache")
    first = RunCache(tmp_path / "cache", spec, planned)
    key = key_of(first, spec, "ingest")
    assert first.get(key) is None
    with _looked_up(tmp_path / "cache", reuse=not forced) as found:
        first.put(key, artifact(tmp_path / "ingest"))
        outputs = found()
    assert outputs is None if forced else outputs["manifest"].path == str(tmp_path / "ingest")


def test_run_cache_runs_a_step_whose_other_run_failed(tmp_path: Path) -> None:
    spec, planned = plan(tmp_path / "cache")
    first = RunCache(tmp_path / "cache", spec, planned)
    assert first.get(key_of(first, spec, "ingest")) is None
    with _looked_up(tmp_path / "cache") as found:
        first.close()
        assert found() is None
    assert not list((tmp_path / "cache").glob(".*"))


def test_run_cache_does_not_reuse_a_damaged_result_of_another_run(tmp_path: Path) -> None:
    spec, planned = plan(tmp_path / "cache")
    run(tmp_path / "cache", tmp_path, killed_after="ingest")
    (tmp_path / "ingest" / "file").write_text("Content")
    with closing(RunCache(tmp_path / "cache", spec, planned)) as late:
        assert late.get(key_of(late, spec, "ingest")) is None
