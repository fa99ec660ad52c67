"""The same training registered again: step repeated, model rescored, or gate repeated."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from components.captioning.decoding.search import DecodingConfig
from components.errors import DataError
from components.register import captioning_process, registration
from components.register.registration import Registered
from components.registry.models import find_champion
from components.registry.runs import end_run, start_run


@pytest.mark.usefixtures("store")
def test_register_model_same_run_twice_makes_one_version(
    first: dict[str, Path], caplog: pytest.LogCaptureFixture, register: Any
) -> None:
    caplog.set_level(logging.INFO, logger="components.register")
    again = register(first, "Passed: first model")
    assert again == Registered("1", "models:/captioner/1")
    client = MlflowClient()
    assert len(client.search_model_versions("name = 'captioner'")) == 1
    assert len(client.search_logged_models(["1"])) == 1
    assert caplog.messages == [
        "captioner version 1 is already registered from this training run",
        "The champion is version 1",
    ]


def test_register_model_same_run_twice_at_once_makes_one_version(
    mlflow_root: Path,
    artifacts: dict[str, Path],
    of_run: Any,
    register: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_id = start_run("photos", "first", {})
    end_run(run_id)
    inputs = of_run(artifacts, run_id)
    # They load the model in a new process, which takes long and does not matter here.
    monkeypatch.setattr(captioning_process, "fresh_process", nullcontext)
    monkeypatch.setattr(registration, "check_parity", lambda *_: None)
    with ThreadPoolExecutor() as threads:
        runs = [threads.submit(register, inputs, "Passed: first model", "") for _ in range(2)]
        registered = {run.result() for run in runs}
    assert registered == {Registered("1", "models:/captioner/1")}
    assert len(list(mlflow_root.glob("mlartifacts/models/*"))) == 1


@pytest.mark.usefixtures("store")
def test_register_model_same_run_restores_a_deleted_alias(
    first: dict[str, Path], register: Any
) -> None:
    MlflowClient().delete_registered_model_alias("captioner", "champion")
    register(first, "Passed: again", "")
    found = find_champion("captioner")
    assert found is not None and found.version == "1"


@pytest.mark.usefixtures("store")
def test_register_model_same_run_rescored_updates_the_tags(
    first: dict[str, Path], register: Any, rescored: Any
) -> None:
    inputs = rescored(first, 41.5)
    register(inputs, "Passed: on more photos")
    found = find_champion("captioner")
    assert found is not None
    assert (found.version, found.tags["bleu4"]) == ("1", "41.5")
    assert found.tags["gate_reason"] == "Passed: on more photos"


@pytest.mark.usefixtures("store")
def test_register_model_rescored_with_other_decoding_settings_is_a_new_version(
    first: dict[str, Path], register: Any, rescored: Any
) -> None:
    inputs = rescored(first, 41.5, beam_width=3, length_penalty=0.5)
    registered = register(inputs, "Passed: wider")
    assert registered.version == "2"
    model = mlflow.pyfunc.load_model(registered.model_uri).unwrap_python_model()
    assert model._scorer.batcher.model.result().bundle.decoding == DecodingConfig(3, 0.5, 5)


@pytest.mark.usefixtures("store")
def test_register_model_champion_of_the_same_run_changed_since_the_gate_is_an_error(
    first: dict[str, Path], register: Any, rescored: Any
) -> None:
    inputs = rescored(first, 41.5, beam_width=3)
    client = MlflowClient()
    run_id = json.loads((first["model"] / "training.json").read_text())["mlflow_run_id"]
    # The same training with a third beam width.
    client.create_model_version("captioner", "file:///nowhere", run_id, tags={"beam_width": "7"})
    client.set_registered_model_alias("captioner", "champion", "2")
    with pytest.raises(DataError, match="with version 1, but version 2 is champion now"):
        register(inputs, "Passed: wider")
    assert len(client.search_model_versions("name = 'captioner'")) == 2
    assert len(client.search_logged_models(["1"])) == 1


@pytest.mark.usefixtures("store")
def test_register_model_copies_the_gates_tags_from_the_run(
    first: dict[str, Path], register: Any, of_run: Any
) -> None:
    run_id = start_run("photos", "judged", {})
    recorded = {
        "gate_reason": "Passed: better",
        "gate_champion": "1",
        "gate_bleu4": "34.0000",
    }
    for name, text in recorded.items():
        MlflowClient().set_tag(run_id, name, text)
    inputs = of_run(first, run_id)
    register(inputs, "Passed: better")
    assert _gate_tags() == recorded
    # After another decision, the numbers of the first no longer apply.
    register(inputs, "Passed: again")
    assert _gate_tags() == {"gate_reason": "Passed: again"}


def _gate_tags() -> dict[str, str]:
    found = find_champion("captioner")
    assert found is not None
    return {name: text for name, text in found.tags.items() if name.startswith("gate_")}
