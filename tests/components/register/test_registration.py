import json
import logging
import shutil
import sqlite3
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import mlflow
import pytest
from kfp import dsl
from mlflow import MlflowClient

from components.captioning.bundle import Describer
from components.captioning.decoding import DecodingConfig
from components.platform.errors import CaptionflowError, DataError
from components.platform.learnt import read_learnt
from components.platform.manifest import read_manifest
from components.platform.registry import champion, start_run
from components.platform.released import fetch_released
from components.platform.tracking import local_tracking_uri
from components.register.component import register
from components.register.registration import Registered, register_model
from components.register.versions import read_model

ORIGIN = {
    "recipe": '{"data": "d"}',
    "cause": "training: there is no champion yet",
    "compared_with": "1",
}


def of_run(artifacts: dict[str, Path], run_id: str, directory: Path) -> dict[str, Path]:
    """Returns the artifacts with a model that says which run trained it."""
    model = directory / "model"
    shutil.copytree(artifacts["model"], model)
    (model / "training.json").write_text(json.dumps({"mlflow_run_id": run_id}))
    return artifacts | {"model": model}


def rescored(
    artifacts: dict[str, Path], bleu4: float, directory: Path, **search: float
) -> dict[str, Path]:
    scores = json.loads((artifacts["scores"] / "scores.json").read_text()) | search
    scores["bleu"]["bleu4"] = bleu4
    (directory / "scores").mkdir()
    (directory / "scores" / "scores.json").write_text(json.dumps(scores))
    lines = (artifacts["scores"] / "captions.jsonl").read_text().splitlines()
    described = Describer(artifacts["model"])
    decoding = {field.name: scores[field.name] for field in fields(DecodingConfig)}
    described.bundle.decoding = DecodingConfig(**decoding)
    photos = {each.image_id: each.uri for each in read_manifest(artifacts["manifest"])}
    with (directory / "scores" / "captions.jsonl").open("w") as written:
        for line in map(json.loads, lines):
            (said,) = described.describe([photos[line["image_id"]]])
            written.write(json.dumps(line | {"hypothesis": said}) + "\n")
    return artifacts | {"scores": directory / "scores"}


@pytest.fixture
def store(first: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the store with the first version, for one test to change."""
    shutil.copy(first["model"].parent / "mlflow.db", tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(tmp_path))
    return tmp_path / "mlflow.db"


def run_of(artifacts: dict[str, Path]) -> str:
    return str(json.loads((artifacts["model"] / "training.json").read_text())["mlflow_run_id"])


def notes() -> list[tuple[str | None, ...]]:
    return [
        (each.action, each.version, each.before, each.compared_with, each.why)
        for each in read_model("captioner").history
    ]


@pytest.mark.usefixtures("store")
def test_register_model_first_version_is_champion(first: dict[str, Path]) -> None:
    found = champion("captioner")
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
        "beam_width": "2",
        "length_penalty": "1.0",
        "consensus": "0.0",
        "max_words": "5",
        "test_fingerprint": "f" * 64,
        "dataset_fingerprint": "d" * 64,
        "encoder_network": "MobileNetV3Small",
        "encoder_weights": "random",
        "encoder_sha256": "e" * 64,
        "recipe": '{"data": "d"}',
        "trained_because": "training: there is no champion yet",
        "gate_reason": "passed: it is the first",
    }


@pytest.mark.usefixtures("store")
def test_register_model_notes_the_promotion_with_the_gates_reason() -> None:
    assert notes() == [("register", "1", None, "", "passed: it is the first")]


@pytest.mark.usefixtures("store")
def test_register_model_same_run_twice_makes_one_version(
    first: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="components.register")
    again = register_model(
        **first, **ORIGIN, reason="passed: it is the first", model_name="captioner"
    )
    assert again == Registered("1", "models:/captioner/1")
    client = MlflowClient()
    assert len(client.search_model_versions("name = 'captioner'")) == 1
    assert len(client.search_logged_models(["1"])) == 1
    assert caplog.messages == [
        "captioner version 1 is of this training run already: no new one is made",
        "version 1 is champion already: nothing to do",
    ]


@pytest.mark.usefixtures("store")
def test_register_model_same_run_gets_a_lost_alias_back(first: dict[str, Path]) -> None:
    MlflowClient().delete_registered_model_alias("captioner", "champion")
    origin = ORIGIN | {"compared_with": ""}
    register_model(**first, **origin, reason="passed: again", model_name="captioner")
    found = champion("captioner")
    assert found is not None and found.version == "1"


@pytest.mark.usefixtures("store")
def test_register_model_same_run_scored_anew_has_the_new_tags(
    first: dict[str, Path], tmp_path: Path
) -> None:
    inputs = rescored(first, 41.5, tmp_path)
    register_model(**inputs, **ORIGIN, reason="passed: on more photos", model_name="captioner")
    found = champion("captioner")
    assert found is not None
    assert (found.version, found.tags["bleu4"]) == ("1", "41.5")
    assert found.tags["gate_reason"] == "passed: on more photos"


@pytest.mark.usefixtures("store")
def test_register_model_scored_with_another_search_is_a_version_that_searches_so(
    first: dict[str, Path], tmp_path: Path
) -> None:
    inputs = rescored(first, 41.5, tmp_path, beam_width=3, length_penalty=0.5)
    done = register_model(**inputs, **ORIGIN, reason="passed: wider", model_name="captioner")
    assert done.version == "2"
    model = mlflow.pyfunc.load_model(done.model_uri).unwrap_python_model()
    assert model._describer.bundle.decoding == DecodingConfig(3, 0.5, 5)


def test_register_model_new_run_takes_the_alias_last(
    first: dict[str, Path], store: Path, tmp_path: Path
) -> None:
    run_id = start_run("photos", "second", {})
    inputs = rescored(of_run(first, run_id, tmp_path), 44.5, tmp_path)
    with closing(sqlite3.connect(store)) as database:
        # The store fails just as the alias moves.
        database.execute(
            "CREATE TRIGGER fail BEFORE UPDATE ON registered_model_aliases "
            "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    with pytest.raises(CaptionflowError, match="the disk is full"):
        register_model(**inputs, **ORIGIN, reason="passed: better", model_name="captioner")
    old = champion("captioner")
    assert old is not None and old.version == "1"

    with closing(sqlite3.connect(store)) as database:
        database.execute("DROP TRIGGER fail")
    done = register_model(**inputs, **ORIGIN, reason="passed: better", model_name="captioner")
    assert done == Registered("2", "models:/captioner/2")
    new = champion("captioner")
    assert new is not None
    assert (new.version, new.run_id, new.tags["bleu4"]) == ("2", run_id, "44.5")
    versions = MlflowClient().search_model_versions("name = 'captioner'")
    assert sorted(int(version.version) for version in versions) == [1, 2]
    # The try that broke off is noted as well.
    assert notes()[1:] == 2 * [("register", "2", "1", "1", "passed: better")]


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("compared_with", "told"), [("", "no version: run"), ("7", "version 7: run")]
)
def test_register_model_that_was_not_compared_with_the_champion_is_not_registered(
    compared_with: str, told: str, first: dict[str, Path], tmp_path: Path
) -> None:
    inputs = of_run(first, start_run("photos", "late", {}), tmp_path)
    origin = ORIGIN | {"compared_with": compared_with}
    with pytest.raises(
        DataError, match=rf"The champion of captioner must still be .* {told} the .*: version 1$"
    ):
        register_model(**inputs, **origin, reason="passed: better", model_name="captioner")
    client = MlflowClient()
    assert len(client.search_model_versions("name = 'captioner'")) == 1
    assert len(client.search_logged_models(["1"])) == 1
    assert len(notes()) == 1


@pytest.mark.usefixtures("store")
def test_register_model_takes_over_what_the_gate_noted_in_the_run(
    first: dict[str, Path], tmp_path: Path
) -> None:
    run_id = start_run("photos", "judged", {})
    noted = {
        "gate_reason": "passed: better",
        "gate_champion": "1",
        "gate_bleu4": "34.0000",
        "gate_p_value": "",
    }
    for name, text in noted.items():
        MlflowClient().set_tag(run_id, name, text)
    inputs = of_run(first, run_id, tmp_path)
    register_model(**inputs, **ORIGIN, reason="passed: better", model_name="captioner")
    assert _gate_tags() == {name: text for name, text in noted.items() if text}
    # Judged again for another reason, what the first rested on is no longer true.
    register_model(**inputs, **ORIGIN, reason="passed: again", model_name="captioner")
    assert _gate_tags() == {"gate_reason": "passed: again"}


def _gate_tags() -> dict[str, str]:
    found = champion("captioner")
    assert found is not None
    return {name: text for name, text in found.tags.items() if name.startswith("gate_")}


@pytest.mark.usefixtures("store")
def test_register_model_notes_which_photos_were_learnt_from(first: dict[str, Path]) -> None:
    # Of the manifest's three photos one is of train, two are of test.
    assert read_learnt(run_of(first)) == {"0" * 64}


@pytest.mark.usefixtures("store")
def test_register_model_broken_bundle_leaves_the_champion(
    first: dict[str, Path], tmp_path: Path
) -> None:
    inputs = of_run(first, start_run("photos", "broken", {}), tmp_path)
    (inputs["model"] / "vocabulary.txt").unlink()
    with pytest.raises(DataError, match=r"must be a whole model bundle: .*vocabulary\.txt"):
        register_model(**inputs, **ORIGIN, reason="passed: unseen", model_name="captioner")
    assert len(MlflowClient().search_model_versions("name = 'captioner'")) == 1
    found = champion("captioner")
    assert found is not None and found.version == "1"


@pytest.mark.usefixtures("store")
def test_register_model_leaves_the_training_run_as_it_ended(first: dict[str, Path]) -> None:
    run = MlflowClient().get_run(run_of(first))
    assert run.info.status == "FINISHED"
    # Training took no time; registering, seconds.
    assert run.info.end_time - run.info.start_time < 500
    assert mlflow.active_run() is None


@pytest.mark.usefixtures("store")
def test_register_model_trained_with_another_mlflow_is_an_error(
    first: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"or train again \(--force\)\. Received: elsewhere"):
        register_model(
            **of_run(first, "elsewhere", tmp_path),
            **ORIGIN,
            reason="passed",
            model_name="captioner",
        )


@pytest.mark.usefixtures("store")
def test_register_component_hands_out_version_and_address(first: dict[str, Path]) -> None:
    made = register.python_func(
        dsl.Model(uri=str(first["model"])),
        dsl.Artifact(uri=str(first["scores"])),
        dsl.Dataset(uri=str(first["manifest"])),
        **ORIGIN,
        reason="passed: it is the first",
        model_name="captioner",
    )
    assert (made.version, made.model_uri) == ("1", "models:/captioner/1")


@pytest.mark.usefixtures("store")
def test_registered_model_can_be_had_as_data(bundle: Path, tmp_path: Path) -> None:
    version, files = fetch_released("captioner", None, tmp_path / "copy")
    assert version == "1"
    assert {path.name for path in files.iterdir()} >= {path.name for path in bundle.iterdir()}
    weights = "encoder.weights.h5"
    assert (files / weights).read_bytes() == (bundle / weights).read_bytes()
