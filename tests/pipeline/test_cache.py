from pathlib import Path
from typing import Any

import pytest
from kfp import dsl
from kfp.local.cache import LocalCache

from pipeline import cache as module
from pipeline.cache import key_steps, step_outputs


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
    gate(model=trained.outputs["model"]).set_caching_options(False)


_ARGUMENTS = {"dataset": "here", "seed": 1, "encoder": "net", "epochs": 3, "checkpoints": "c"}


@pytest.fixture(autouse=True)
def code(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    versions = {"ingest": "1", "features": "1", "train": "1"}
    monkeypatch.setattr(module, "code_version", versions.__getitem__)
    return versions


def _keys(cache: Path, content: str = "data", **changed: Any) -> dict[str, str]:
    spec = small.pipeline_spec
    key_steps(spec, {**_ARGUMENTS, **changed}, {"dataset": content}, cache)
    tasks = spec.root.dag.tasks
    return {name: tasks[name].caching_options.cache_key for name in ("ingest", "features", "train")}


def _changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name, key in before.items() if after[name] != key}


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
def test_key_steps_changes_the_keys_of_what_a_change_decides(
    tmp_path: Path, change: dict[str, Any], steps: set[str]
) -> None:
    assert _changed(_keys(tmp_path), _keys(tmp_path, **change)) == steps


def test_key_steps_counts_the_code_of_a_step_and_of_those_before(
    tmp_path: Path, code: dict[str, str]
) -> None:
    before = _keys(tmp_path)
    code["features"] = "2"
    assert _changed(before, _keys(tmp_path)) == {"features", "train"}


def test_key_steps_leaves_out_what_is_never_cached(tmp_path: Path) -> None:
    steps = key_steps(small.pipeline_spec, _ARGUMENTS, {}, tmp_path)
    assert [step.name for step in steps] == ["ingest", "features", "train"]
    assert [step.reused for step in steps] == [False, False, False]


def _fill(cache: Path, name: str, artifact: Path) -> None:
    # As kfp.local does after a step has run.
    task = small.pipeline_spec.root.dag.tasks[name]
    store = LocalCache(str(cache))
    key = store.compute_key(
        task.component_ref.name, "image", ["command"], {},
        custom_cache_key=task.caching_options.cache_key,
    )  # fmt: skip
    store.put(key, {"manifest": dsl.Dataset(name="manifest", uri=str(artifact))})


def test_key_steps_finds_what_was_run_and_forgets_it_if_asked(tmp_path: Path) -> None:
    artifact = tmp_path / "manifest"
    artifact.mkdir()
    _keys(tmp_path)
    _fill(tmp_path, "ingest", artifact)
    spec = small.pipeline_spec
    contents = {"dataset": "data"}
    assert key_steps(spec, _ARGUMENTS, contents, tmp_path)[0].reused
    assert step_outputs(spec, "ingest", tmp_path)["manifest"].path == str(artifact)
    assert not key_steps(spec, _ARGUMENTS, contents, tmp_path, reuse=False)[0].reused
    assert not key_steps(spec, _ARGUMENTS, contents, tmp_path)[0].reused
    with pytest.raises(LookupError, match="ingest has no outputs"):
        step_outputs(spec, "ingest", tmp_path)


def test_key_steps_does_not_take_a_result_whose_files_are_gone(tmp_path: Path) -> None:
    artifact = tmp_path / "manifest"
    artifact.mkdir()
    _keys(tmp_path)
    _fill(tmp_path, "ingest", artifact)
    artifact.rmdir()
    found = key_steps(small.pipeline_spec, _ARGUMENTS, {"dataset": "data"}, tmp_path)
    assert not found[0].reused
