import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from components.errors import CaptionflowError, DataError
from components.register.registration import Registered
from components.registry.approval import approve
from components.registry.candidacy import find_candidate
from components.registry.download import download_model
from components.registry.history import read_history
from components.registry.models import find_champion, read_model
from components.registry.rejected_candidates import candidate_key
from components.registry.runs import start_run
from components.settings.release import RegisterSettings


def run_of(artifacts: dict[str, Path]) -> str:
    return str(json.loads((artifacts["model"] / "training.json").read_text())["mlflow_run_id"])


def history() -> list[tuple[str, ...]]:
    return [
        (each.action, each.version, each.reason)
        for each in read_history(read_model("captioner").tags)
    ]


@pytest.mark.usefixtures("store")
def test_register_model_first_version_is_champion(first: dict[str, Path]) -> None:
    found = find_champion("captioner")
    assert found is not None
    assert (found.version, found.run_id) == ("1", run_of(first))
    assert found.tags == {
        "bleu1": "80.5",
        "bleu2": "75.25",
        "bleu3": "70.0",
        "bleu4": "33.333333333333336",
        "cider_d": "180.5",
        "rouge_l": "77.5",
        "bleu_signature": "nrefs:5|tok:none",
        "coco_signature": "cider-d:n=4|tok:none",
        "meteor": "30.25",
        "meteor_signature": "meteor:1.5,en|times:100",
        "spice": "20.75",
        "spice_signature": "spice:1.0,en|times:100",
        "beam_width": "2",
        "length_penalty": "1.0",
        "reranking_weight": "0.0",
        "guidance_weight": "0.0",
        "max_words": "5",
        "test_fingerprint": "f" * 64,
        "dataset_fingerprint": "d" * 64,
        "encoder_network": "MobileNetV3Small",
        "encoder_weights": "random",
        "encoder_sha256": "e" * 64,
        "encoder_precision": "bfloat16",
        "encoder_multi_crop": "True",
        "training_config": '{"data": "d"}',
        "trained_because": "Training: there is no champion yet",
        "gate_reason": "Passed: first model",
    }


@pytest.mark.usefixtures("store")
def test_register_model_links_the_logged_model_to_its_version() -> None:
    client = MlflowClient()
    (logged,) = client.search_logged_models(["1"])
    # What MLflow's page of a logged model reads.
    assert json.loads(logged.tags["mlflow.modelVersions"]) == [{"name": "captioner", "version": 1}]
    # Its description: MLflow's own button would register the model past the gate.
    for part in ("version 1 of [captioner]", "do not register", "models promote 1"):
        assert part in logged.tags["mlflow.note.content"]
    assert "captionflow" in client.get_registered_model("captioner").description


@pytest.mark.usefixtures("store")
def test_register_model_records_the_promotion_with_the_gates_reason() -> None:
    assert history() == [("register", "1", "Passed: first model")]


def test_register_model_promotes_last(
    first: dict[str, Path], store: Path, register: Any, of_run: Any, rescored: Any
) -> None:
    run_id = start_run("photos", "second", {})
    inputs = rescored(of_run(first, run_id), 44.5)
    with closing(sqlite3.connect(store)) as database:
        # The store fails when the alias is set.
        database.execute(
            "CREATE TRIGGER fail BEFORE UPDATE ON registered_model_aliases "
            "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    with pytest.raises(CaptionflowError, match="the disk is full"):
        register(inputs, "Passed: better")
    old = find_champion("captioner")
    assert old is not None and old.version == "1"

    with closing(sqlite3.connect(store)) as database:
        database.execute("DROP TRIGGER fail")
    registered = register(inputs, "Passed: better")
    assert registered == Registered("2", "models:/captioner/2")
    new = find_champion("captioner")
    assert new is not None
    assert (new.version, new.run_id, new.tags["bleu4"]) == ("2", run_id, "44.5")
    versions = MlflowClient().search_model_versions("name = 'captioner'")
    assert sorted(int(version.version) for version in versions) == [1, 2]
    # The failed attempt is recorded as well.
    assert history()[1:] == 2 * [("register", "2", "Passed: better")]


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("compared_with", "then"), [("", "no version"), ("7", "version 7")])
def test_register_model_not_compared_with_the_champion_is_not_registered(
    compared_with: str, then: str, first: dict[str, Path], register: Any, of_run: Any
) -> None:
    inputs = of_run(first, start_run("photos", "late", {}))
    with pytest.raises(DataError, match=f"with {then}, but version 1 is champion now"):
        register(inputs, "Passed: better", compared_with)
    client = MlflowClient()
    assert len(client.search_model_versions("name = 'captioner'")) == 1
    assert len(client.search_logged_models(["1"])) == 1
    assert len(history()) == 1


@pytest.mark.usefixtures("store")
def test_register_model_that_continued_from_another_names_it(
    first: dict[str, Path], register: Any, of_run: Any, rescored: Any
) -> None:
    inputs = rescored(of_run(first, start_run("photos", "child", {})), 44.5)
    file = inputs["scores"] / "scores.json"
    start = {"model": "models:/other/3", "mlflow_run_id": "the parent's run"}
    start |= {"words_from_parent": 4, "new_words": 1}
    file.write_text(json.dumps({**json.loads(file.read_text()), "start_from": start}))
    register(inputs, "Passed: better")
    found = find_champion("captioner")
    assert found is not None
    assert found.tags["start_from"] == "models:/other/3"


@pytest.mark.usefixtures("store")
def test_register_model_broken_bundle_leaves_the_champion(
    first: dict[str, Path], register: Any, of_run: Any
) -> None:
    inputs = of_run(first, start_run("photos", "broken", {}))
    (inputs["model"] / "vocabulary.txt").unlink()
    experiment = MlflowClient().get_run(run_of(first)).info.experiment_id
    logged = MlflowClient().search_logged_models([experiment])
    files = sorted(first["model"].parent.glob("mlartifacts/models/*"))
    with pytest.raises(DataError, match=r"a complete model bundle\. .*vocabulary\.txt is missing"):
        register(inputs, "Passed: better")
    assert len(MlflowClient().search_model_versions("name = 'captioner'")) == 1
    found = find_champion("captioner")
    assert found is not None and found.version == "1"
    # The model that was logged in vain is deleted, with its files.
    assert len(MlflowClient().search_logged_models([experiment])) == len(logged)
    assert sorted(first["model"].parent.glob("mlartifacts/models/*")) == files


@pytest.mark.usefixtures("store")
def test_register_model_keeps_status_and_end_of_the_training_run(first: dict[str, Path]) -> None:
    run = MlflowClient().get_run(run_of(first))
    assert run.info.status == "FINISHED"
    # It ended before anything was registered.
    (logged,) = MlflowClient().search_logged_models([run.info.experiment_id])
    assert run.info.end_time <= logged.creation_timestamp
    assert mlflow.active_run() is None


@pytest.mark.usefixtures("store")
def test_register_model_trained_with_another_mlflow_is_an_error(
    first: dict[str, Path], register: Any, of_run: Any
) -> None:
    with pytest.raises(DataError, match=r"run elsewhere is not in MLflow .*--force"):
        register(of_run(first, "elsewhere"), "Passed: better")


@pytest.mark.usefixtures("store")
def test_register_model_for_approval_proposes_it_once_and_keeps_the_champion(
    first: dict[str, Path], register: Any, of_run: Any
) -> None:
    run_id = start_run("photos", "second", {})
    inputs = of_run(first, run_id)
    made = register(inputs, "Passed: better", release="approve")
    assert (made.version, made.model_uri) == ("2", "models:/captioner/2")
    assert "version 2 waits for approval" in made.approval
    # The step is repeated.
    assert register(inputs, "Passed: better", release="approve") == made
    champion, candidate = find_champion("captioner"), find_candidate("captioner")
    assert champion is not None and champion.version == "1"
    assert candidate is not None
    assert (candidate.version, candidate.compared_with, candidate.experiment) == (
        "2", "1", "photos",
    )  # fmt: skip
    gate = RegisterSettings()
    assert candidate.key == candidate_key(
        '{"data": "d"}', "1", model_name="captioner", floors=gate.floors, margin=gate.margin
    )
    version = MlflowClient().get_model_version("captioner", "2")
    assert "captionflow models approve 2" in version.description
    assert "# captioner" in version.description
    assert len(history()) == 1
    assert approve("captioner", "2", reason="good") == "2"
    # Repeated after the approval, as by a pipeline whose pod was lost.
    assert register(inputs, "Passed: better", release="approve").approval == ""


@pytest.mark.usefixtures("store")
def test_registered_model_can_be_downloaded(tiny_bundle: Path, tmp_path: Path) -> None:
    version, files = download_model("captioner", None, tmp_path / "copy")
    assert version == "1"
    assert {path.name for path in files.iterdir()} >= {path.name for path in tiny_bundle.iterdir()}
    weights = "network.weights.h5"
    assert (files / weights).read_bytes() == (tiny_bundle / weights).read_bytes()
