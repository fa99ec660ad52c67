"""Runs the sample with the MLflow server of the manifests, and kills the server meanwhile.

What needs no MLflow, and was made by the small run, is taken from there.
"""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from small_runs import RunWhole

from components.artifacts.champion_predictions import ChampionPredictions
from components.artifacts.manifest import read_manifest, write_manifest
from components.artifacts.training_photos import TrainingPhotos
from components.embeddings.source import open_glove
from components.errors import CaptionflowError
from components.register.captioning_process import fresh_process
from components.register.registration import register_model
from components.registry.models import find_champion
from components.rescore.run import rescore_champion
from components.settings.release import RegisterSettings
from pipeline.config import Settings, make_settings
from pipeline.local.kfp_run import StepFailedError
from pipeline.local.summary import Summary

_EPOCHS = 12
_DEAD = "MLflow at {} does not respond"


@pytest.fixture(scope="module")
def settings(small_settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    # Lacks a word of the small run, so that `embeddings` is not cached.
    glove = tmp_path_factory.mktemp("glove") / "glove.txt"
    with open_glove("sample") as text:
        glove.write_bytes(b"".join(text.file.readlines()[1:]))
    epochs = {"epochs": _EPOCHS, "patience": _EPOCHS}
    return make_settings("sample", {**small_settings, **epochs, "glove": str(glove)})


@pytest.fixture(scope="module")
def root(finished_run: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder with the cache of the small run."""
    root = tmp_path_factory.mktemp("runs")
    shutil.copytree(finished_run.root / "cache", root / "cache")
    return root


@contextmanager
def _killed_when(server: Any, reached: Callable[[], bool]) -> Iterator[list[float]]:
    """Kills the server in the block as soon as a condition holds; yields the time."""
    moments: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            if reached():
                server.kill()
                moments.append(time.monotonic())
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield moments
    finally:
        over.set()
        watcher.join()


def _uploaded(server: Any) -> set[Path]:
    return {path for path in (server.folder / "artifacts").rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def died_in_train(
    run_whole: RunWhole, settings: Settings, root: Path, server: Any
) -> tuple[str, float]:
    """The error of a run whose server died during training, and the seconds until the error."""

    def two_epochs_are_noted() -> bool:
        (row,) = server.database.rows("SELECT count(*) FROM metrics WHERE key = 'loss'")
        return row[0] >= 2

    with (
        _killed_when(server, two_epochs_are_noted) as killed,
        pytest.raises(StepFailedError) as raised,
    ):
        run_whole(settings, root)
    assert killed, raised.value
    seconds = time.monotonic() - killed[0]
    server.start()
    return str(raised.value), seconds


@pytest.fixture(scope="module")
def finished(run_whole: RunWhole, settings: Settings, root: Path, died_in_train: object) -> Summary:
    """The next run."""
    return run_whole(settings, root)[0]


def test_run_whose_server_dies_in_train_ends_in_one_line_within_a_minute(
    died_in_train: tuple[str, float], root: Path, server: Any
) -> None:
    message, seconds = died_in_train
    # Uploaded by a step in a process of its own.
    assert len(list(root.glob("artifacts/*/embeddings/matrix"))) == 1
    (line,) = message.splitlines()[1:]
    assert line.startswith(f"train: {_DEAD.format(server.uri)}")
    assert seconds < 60


def test_next_run_resumes_and_registers_the_one_training_run(
    finished: Summary, server: Any
) -> None:
    assert not {"ingest", "normalize", "features", "embeddings"} & set(finished.seconds)
    assert "resuming from a checkpoint after epoch" in finished.log_file.read_text()
    released = find_champion(finished.model_name)
    assert released is not None and released.version == "1"
    assert float(released.tags["bleu4"]) == finished.scores["bleu"]["bleu4"]
    trained = server.database.rows("SELECT run_uuid, status FROM runs WHERE name LIKE 'sample-%'")
    assert trained == [(released.run_id, "FINISHED")]
    history = MlflowClient().get_metric_history(released.run_id, "loss")
    assert sorted({measured.step for measured in history}) == list(range(1, _EPOCHS + 1))


def test_registered_model_describes_photos_over_http(finished: Summary, server: Any) -> None:
    assert any(path.name == "network.weights.h5" for path in _uploaded(server))
    model = mlflow.pyfunc.load_model(f"models:/{finished.model_name}@champion")
    manifest = read_manifest(Path(finished.outputs["ingest"]["manifest"].path))
    photos = [Path(photo.uri).read_bytes() for photo in manifest[:8]]
    said = model.predict(pd.DataFrame({"photo": photos}))["caption"]
    # The model is barely trained, so some captions are empty.
    assert len(said) == 8 and any(said)


def test_champion_serves_captions_and_training_photos_over_http(
    finished: Summary, tmp_path: Path
) -> None:
    outputs = finished.outputs
    photos = read_manifest(Path(outputs["ingest"]["manifest"].path))

    def rescored(name: str, change: dict[str, str]) -> ChampionPredictions | None:
        """Captions test photos of a data set with some photos of another split."""
        (tmp_path / name).mkdir()
        moved = [replace(each, split=change.get(each.split, each.split)) for each in photos]
        write_manifest(tmp_path / name, moved)
        (tmp_path / name / "report.json").write_text('{"dataset_fingerprint": "changed"}')
        examples = tmp_path / f"examples of {name}"
        shutil.copytree(outputs["features"]["examples"].path, examples)
        TrainingPhotos.of(moved).save(examples)
        return rescore_champion(
            examples,
            tmp_path / name,
            model_name=finished.model_name,
            baseline=tmp_path / f"baseline of {name}",
        )

    lines = Path(outputs["evaluate"]["scores"].path, "captions.jsonl").read_text().splitlines()
    scored = {line["image_id"]: line["hypothesis"] for line in map(json.loads, lines)}
    assert rescored("same", {}) == ChampionPredictions("1", captions=scored)
    known = sum(photo.split == "dev" for photo in photos)
    refused = rescored("known", {"dev": "test"})
    assert refused is not None and refused.captions == {}
    assert refused.incomparable.startswith(f"was trained on {known} of the ")


@pytest.mark.usefixtures("warm_parity")
def test_server_that_dies_in_an_upload_leaves_no_version_and_the_next_try_makes_one(
    finished: Summary, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs, before = finished.outputs, _uploaded(server)

    def register() -> str:
        with fresh_process() as process:
            return register_model(
                outputs["evaluate"]["scored_model"].path,
                outputs["evaluate"]["scores"].path,
                outputs["ingest"]["manifest"].path,
                training_config="", cause="", reason="", compared_with="",
                settings=RegisterSettings(model_name="second"), process=process,
            ).version  # fmt: skip

    # Four requests fail, with four attempts each, which takes most of a minute.
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    with (
        _killed_when(server, lambda: len(_uploaded(server) - before) > 2),
        pytest.raises(CaptionflowError) as raised,
    ):
        register()
    assert str(raised.value).startswith(_DEAD.format(server.uri))
    versions = "SELECT version, status FROM model_versions WHERE name = 'second'"
    assert server.database.rows(versions) == []
    server.start()
    assert register() == "1"
    assert server.database.rows(versions) == [(1, "READY")]


def test_secrets_stand_in_no_file_of_the_run_and_nowhere_in_mlflow(
    finished: Summary, root: Path, server: Any
) -> None:
    files = {*root.rglob("*"), *_uploaded(server), server.folder / "log"}
    written = b"\n".join(path.read_bytes() for path in files if path.is_file())
    for table in ("params", "tags", "experiment_tags", "model_version_tags", "logged_models"):
        written += repr(server.database.rows(f"TABLE {table}")).encode()
    assert finished.model_name.encode() in written
    known = server.passwords.items()
    assert [name for name, password in known if password.encode() in written] == []


def test_server_writes_nothing_where_it_is_started(finished: Summary, server: Any) -> None:
    # On the cluster, the root file system is read-only.
    assert not list((server.folder / "work").iterdir())
