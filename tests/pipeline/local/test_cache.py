import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl
from kfp.local.cache import LocalCache

from components.artifacts.checksums import write_checksums
from pipeline import plan as module
from pipeline.local import cache as cache_module
from pipeline.local.cache import RunCache, plan_steps, restored_spec, step_outputs
from pipeline.plan import PlannedStep


@dsl.component(base_image="python:3.11")
def ingest(dataset: str, seed: int, manifest: dsl.Output[dsl.Dataset]) -> None:
    pass


@dsl.component(base_image="python:3.11")
def features(
    manifest: dsl.Input[dsl.Dataset], encoder: str, examples: dsl.Output[dsl.Dataset]
) -> None:
    pass


@dsl.component(base_image="python:3.11")
def train(
    examples: dsl.Input[dsl.Dataset], epochs: int, checkpoints: str, model: dsl.Output[dsl.Model]
) -> None:
    pass


@dsl.component(base_image="python:3.11")
def gate(model: dsl.Input[dsl.Model]) -> bool:
    return True


@dsl.pipeline
def small(
    dataset: str = "here",
    seed: int = 1,
    encoder: str = "net",
    epochs: int = 3,
    checkpoints: str = "c",
) -> None:
    ingested = ingest(dataset=dataset, seed=seed)
    extracted = features(manifest=ingested.outputs["manifest"], encoder=encoder)
    trained = train(examples=extracted.outputs["examples"], epochs=epochs, checkpoints=checkpoints)
    trained.set_retry(3, backoff_duration="60s").set_caching_options(False)
    gate(model=trained.outputs["model"])


_ARGUMENTS = {"dataset": "here", "seed": 1, "encoder": "net", "epochs": 3, "checkpoints": "c"}


@pytest.fixture(autouse=True)
def code(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    versions = {f"components.{step}": "1" for step in ("ingest", "features", "train")}
    monkeypatch.setattr(module, "code_version", versions.__getitem__)
    return versions


def _plan(
    cache: Path, content: str = "data", *, reuse: bool = True, **changed: Any
) -> tuple[Any, list[PlannedStep]]:
    spec = small.pipeline_spec
    arguments = {**_ARGUMENTS, **changed}
    return spec, plan_steps(spec, arguments, {"dataset": content}, cache, reuse=reuse)


def _keys(cache: Path, content: str = "data", **changed: Any) -> dict[str, str]:
    _, planned = _plan(cache, content, **changed)
    return {step.name: step.key for step in planned if step.key}


def _changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name, key in before.items() if after[name] != key}


def _whys(planned: list[PlannedStep]) -> dict[str, str]:
    return {step.name: step.why for step in planned}


@pytest.mark.parametrize(
    ("change", "steps"),
    [
        ({}, set()),
        ({"content": "other data"}, {"ingest", "features", "train"}),
        ({"seed": 2}, {"ingest", "features", "train"}),
        ({"encoder": "other"}, {"features", "train"}),
        ({"epochs": 4}, {"train"}),
        # Where unfinished trainings lie decides nothing.
        ({"checkpoints": "elsewhere"}, set()),
        # Moved data: a manifest names its photos' places; all else is of the same content.
        ({"dataset": "there"}, {"ingest"}),
    ],
)
def test_plan_steps_changes_the_keys_of_affected_steps(
    tmp_path: Path, change: dict[str, Any], steps: set[str]
) -> None:
    assert _changed(_keys(tmp_path), _keys(tmp_path, **change)) == steps


def test_plan_steps_includes_the_code_of_earlier_steps(
    tmp_path: Path, code: dict[str, str]
) -> None:
    before = _keys(tmp_path)
    code["components.features"] = "2"
    assert _changed(before, _keys(tmp_path)) == {"features", "train"}


def test_plan_steps_reuses_here_what_a_cluster_would_not_and_retries_nothing(
    tmp_path: Path,
) -> None:
    spec, planned = _plan(tmp_path)
    tasks = spec.root.dag.tasks
    assert [step.name for step in planned] == ["ingest", "features", "train", "gate"]
    assert tasks["train"].caching_options.enable_cache
    assert not tasks["gate"].caching_options.enable_cache
    assert not tasks["train"].HasField("retry_policy")


def test_plan_steps_makes_no_folder(tmp_path: Path) -> None:
    _, planned = _plan(tmp_path / "none")
    assert _whys(planned) == {
        **dict.fromkeys(("ingest", "features", "train"), "It has not run before."),
        "gate": "Never cached: it depends on the registry.",
    }  # fmt: skip
    assert not (tmp_path / "none").exists()


_OUTPUTS = {"ingest": "manifest", "features": "examples", "train": "model"}


def _key(cache: LocalCache, spec: Any, name: str) -> str:
    task = spec.root.dag.tasks[name]
    return cache.compute_key(
        task.component_ref.name, "image", ["command"], {},
        custom_cache_key=task.caching_options.cache_key,
    )  # fmt: skip


def _artifact(folder: Path, **metadata: str) -> dict[str, dsl.Artifact]:
    """Returns the output of the step that the folder is named after, as an artifact on disk."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "file").write_text("content")
    write_checksums(folder)
    name = _OUTPUTS[folder.name]
    return {name: dsl.Dataset(name=name, uri=str(folder), metadata=metadata)}


def _run(
    cache: Path, folder: Path, *, reuse: bool = True, killed_after: str = "train", **changed: Any
) -> RunCache:
    """Does what kfp.local does until the run is killed."""
    spec, planned = _plan(cache, reuse=reuse, **changed)
    store = RunCache(cache, spec, planned)
    for name in ("ingest", "features", "train"):
        key = _key(store, spec, name)
        if store.get(key) is None:
            store.put(key, _artifact(folder / name))
        if name == killed_after:
            break
    return store


def test_plan_steps_reuses_results_and_gives_reasons_for_the_rest(
    tmp_path: Path, code: dict[str, str]
) -> None:
    _run(tmp_path / "cache", tmp_path)
    spec, planned = _plan(tmp_path / "cache")
    assert [step.reused for step in planned] == [True, True, True, False]
    found = step_outputs(spec, "ingest", tmp_path / "cache")
    assert found is not None and found["manifest"].path == str(tmp_path / "ingest")
    code["components.train"] = "2"
    assert _whys(_plan(tmp_path / "cache", encoder="wide", epochs=4)[1]) == {
        "ingest": "Nothing changed.",
        "features": "encoder changed from net to wide.",
        "train": "Its code or a library changed. epochs changed from 3 to 4.",
        "gate": "Never cached: it depends on the registry.",
    }
    assert _whys(_plan(tmp_path / "cache", content="new")[1])["ingest"] == (
        "The content of dataset changed."
    )


def test_plan_steps_does_not_reuse_a_result_with_deleted_files(tmp_path: Path) -> None:
    _run(tmp_path / "cache", tmp_path)
    shutil.rmtree(tmp_path / "ingest")
    _, planned = _plan(tmp_path / "cache")
    assert not planned[0].reused
    assert planned[0].why == "Its earlier result was deleted."


@pytest.mark.parametrize("change", ["flipped", "truncated", "missing", "extra", "no checksums"])
def test_plan_steps_does_not_reuse_a_damaged_result(tmp_path: Path, change: str) -> None:
    _run(tmp_path / "cache", tmp_path)
    file = tmp_path / "features" / "file"
    match change:
        case "flipped":
            file.write_bytes(b"Content")
        case "truncated":
            file.write_bytes(b"conten")
        case "missing":
            file.unlink()
        case "extra":
            file = file.with_name("extra")
            file.touch()
        case _:
            file = file.with_name("SHA256SUMS")
            file.unlink()
    ingest, features, train, _ = _plan(tmp_path / "cache")[1]
    assert ingest.reused and train.reused and not features.reused
    assert str(file) in features.damage and features.damage in features.why
    # Repaired by the run: the other steps' results were as good as before.
    _run(tmp_path / "cache", tmp_path / "new")
    assert all(step.reused for step in _plan(tmp_path / "cache")[1][:3])


def test_plan_steps_without_reuse_checks_nothing(tmp_path: Path) -> None:
    _run(tmp_path / "cache", tmp_path)
    (tmp_path / "features" / "file").unlink()
    assert not any(step.damage for step in _plan(tmp_path / "cache", reuse=False)[1])


def test_plan_steps_does_not_reuse_a_damaged_cache_entry(tmp_path: Path) -> None:
    _run(tmp_path / "cache", tmp_path)
    (entry,) = (
        file for file in (tmp_path / "cache").glob("*.json") if b'"manifest"' in file.read_bytes()
    )
    entry.write_bytes(b"\xff" + entry.read_bytes())
    planned = _plan(tmp_path / "cache")[1]
    assert [step.reused for step in planned] == [False, True, True, False]


def test_plan_steps_survives_any_file_that_a_power_cut_emptied(tmp_path: Path) -> None:
    root = tmp_path / "work"
    _run(root / "cache", root)
    files = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    assert len(files) == 3 * 2 + 3 * 2  # entries and parts of keys; artifacts with checksums
    for file in files:
        copy = shutil.copytree(root, tmp_path / "copy", dirs_exist_ok=True)
        for entry in (copy / "cache").glob("*.json"):
            entry.write_text(entry.read_text().replace(str(root), str(copy)))
        (copy / file).write_bytes(b"")
        reused = [step.reused for step in _plan(copy / "cache")[1][:3]]
        # The parts of keys only explain.
        assert reused.count(False) == ("last" not in file.parts), file
        _run(copy / "cache", copy)
        assert all(step.reused for step in _plan(copy / "cache")[1][:3]), file


def test_plan_steps_forced_runs_training_again_and_keeps_what_is_before_it(tmp_path: Path) -> None:
    _run(tmp_path / "cache", tmp_path)
    _, planned = _plan(tmp_path / "cache", force=True)
    assert [(step.reused, step.why) for step in planned[1:3]] == [
        (True, "Nothing changed."), (False, "Training is forced (--force)."),
    ]  # fmt: skip


def test_run_cache_stores_a_step_when_it_ends(tmp_path: Path) -> None:
    _run(tmp_path / "cache", tmp_path, killed_after="features")
    assert _whys(_plan(tmp_path / "cache")[1]) == {
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
    _run(tmp_path / "cache", tmp_path, killed_after="ingest")
    (entry,) = (tmp_path / "cache").glob("*.json")
    assert synced == [("ingest", False), (entry.name, True)]


def test_run_cache_removes_a_checkpoint_when_its_model_is_stored(tmp_path: Path) -> None:
    spec, planned = _plan(tmp_path / "cache")
    store = RunCache(tmp_path / "cache", spec, planned)
    checkpoint = tmp_path / "training.npz"
    checkpoint.touch()
    store.put(_key(store, spec, "train"), _artifact(tmp_path / "train", checkpoint=str(checkpoint)))
    assert not checkpoint.exists()


def test_run_cache_keeps_old_results_until_there_are_new_ones(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    _run(cache, tmp_path)
    spec, planned = _plan(cache, reuse=False)
    assert {step.why for step in planned[:3]} == {"The cache is off (--no-cache)."}
    # kfp.local finds nothing, and runs the steps.
    store = RunCache(cache, spec, planned)
    assert store.get(_key(store, spec, "ingest")) is None
    store.close()
    # Killed before any of them ended: the next run uses the old results.
    assert all(step.reused for step in _plan(cache)[1][:3])
    # Killed after the second: the next run uses two new results.
    _run(cache, tmp_path / "new", reuse=False, killed_after="features")
    spec, planned = _plan(cache)
    assert all(step.reused for step in planned[:3])
    paths = [
        (step_outputs(spec, name, cache) or {})[_OUTPUTS[name]].path
        for name in ("features", "train")
    ]
    assert paths == [str(tmp_path / "new" / "features"), str(tmp_path / "train")]


def test_run_cache_knows_what_ended_and_what_was_reused(tmp_path: Path) -> None:
    _run(tmp_path / "cache", tmp_path, killed_after="ingest")
    store = _run(tmp_path / "cache", tmp_path / "new")
    paths = {name: outputs[_OUTPUTS[name]].path for name, outputs in store.outputs.items()}
    assert paths == {
        "ingest": str(tmp_path / "ingest"),
        "features": str(tmp_path / "new" / "features"),
        "train": str(tmp_path / "new" / "train"),
    }


@contextmanager
def _looked_up(cache: Path, **changed: Any) -> Iterator[Callable[[], Any]]:
    """Looks `ingest` up in a second run; yields when that waits, with what waits for its end."""
    spec, planned = _plan(cache, **changed)
    waits = threading.Event()
    other = RunCache(cache, spec, planned, on_wait=lambda _: waits.set())
    with ThreadPoolExecutor() as executor, closing(other):
        found = executor.submit(other.get, _key(other, spec, "ingest"))
        assert waits.wait(10)
        yield lambda: found.result(10)


@pytest.mark.parametrize("forced", [False, True])
def test_run_cache_waits_for_a_run_that_does_the_same_and_reuses_its_result(
    tmp_path: Path, forced: bool
) -> None:
    spec, planned = _plan(tmp_path / "cache")
    first = RunCache(tmp_path / "cache", spec, planned)
    key = _key(first, spec, "ingest")
    assert first.get(key) is None
    with _looked_up(tmp_path / "cache", reuse=not forced) as found:
        first.put(key, _artifact(tmp_path / "ingest"))
        outputs = found()
    assert outputs is None if forced else outputs["manifest"].path == str(tmp_path / "ingest")


def test_run_cache_runs_a_step_whose_other_run_failed(tmp_path: Path) -> None:
    spec, planned = _plan(tmp_path / "cache")
    first = RunCache(tmp_path / "cache", spec, planned)
    assert first.get(_key(first, spec, "ingest")) is None
    with _looked_up(tmp_path / "cache") as found:
        first.close()
        assert found() is None
    assert not list((tmp_path / "cache").glob(".*"))


def test_run_cache_does_not_reuse_a_damaged_result_of_another_run(tmp_path: Path) -> None:
    spec, planned = _plan(tmp_path / "cache")
    _run(tmp_path / "cache", tmp_path, killed_after="ingest")
    (tmp_path / "ingest" / "file").write_text("Content")
    with closing(RunCache(tmp_path / "cache", spec, planned)) as late:
        assert late.get(_key(late, spec, "ingest")) is None


def test_plan_steps_with_a_moved_data_set_names_both_locations(tmp_path: Path) -> None:
    _run(tmp_path / "cache", tmp_path, dataset="/data/a")
    _, planned = _plan(tmp_path / "cache", dataset="/data/b")
    assert planned[0].why == "The data set moved from /data/a to /data/b."
    assert planned[1].reused


def test_restored_spec_undoes_all_changes() -> None:
    spec = small.pipeline_spec
    before = spec.SerializeToString(deterministic=True)
    with restored_spec(spec):
        plan_steps(spec, _ARGUMENTS, {}, Path("nowhere"))
        assert spec.SerializeToString(deterministic=True) != before
    assert spec.SerializeToString(deterministic=True) == before
