"""The trigger with a folder of requests: a real registry, real features, a real test."""

import shutil
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from numpy.typing import NDArray

from components.artifacts.checksums import write_checksums
from components.captioning.decoding.reranker_data import FEATURES_FILE, RerankerData
from components.drift.kept_features import FeatureKeeper
from components.registry.client import local_tracking_uri
from components.registry.models import find_champion
from components.registry.runs import start_run
from components.settings.run import RunSettings
from components.trigger.decision import Reason, find_reason
from components.trigger.drift import Drift, find_drift
from components.trigger.training_config import TrainingConfig

_WIDTH = 16
_CONFIG = TrainingConfig({"data": "d", "epochs": 3})
_ENCODER = {"network": "X", "sha256": "a" * 64, "precision": "float32", "multi_crop": False}
_CODE = """
import mlflow


class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input):
        return model_input


mlflow.models.set_model(Model())
"""


def _photos(count: int, seed: int, shift: float = 0.0) -> NDArray[np.float16]:
    drawn = np.random.default_rng(seed).normal(shift, 1, (count, _WIDTH))
    return drawn.astype(np.float16)


@pytest.fixture(scope="module")
def store(mlflow_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a champion that was trained on 300 photos."""
    root = tmp_path_factory.mktemp("registry")
    shutil.copy(mlflow_database, root / "mlflow.db")
    (root / "bundle").mkdir()
    RerankerData(_photos(300, 1), [("a",)] * 300).save(root / "bundle")
    (root / "bundle" / "network.weights.h5").write_bytes(b"not needed here")
    write_checksums(root / "bundle")
    (root / "code.py").write_text(_CODE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(root))
        run_id = start_run("photos", "first", {})
        with mlflow.start_run(run_id=run_id):
            logged = mlflow.pyfunc.log_model(
                name="captioner", python_model=str(root / "code.py"), pip_requirements=[],
                artifacts={"bundle": str(root / "bundle")},
            )  # fmt: skip
        client = MlflowClient()
        client.create_registered_model("captioner")
        tags = {
            "training_config": _CONFIG.to_json(),
            "encoder_sha256": "a" * 64,
            "encoder_precision": "float32",
            "encoder_multi_crop": "False",
        }
        client.create_model_version("captioner", logged.model_uri, run_id, tags=tags)
        client.set_registered_model_alias("captioner", "champion", "1")
    return root


@pytest.fixture(autouse=True)
def copied_store(store: Path, mlflow_root: Path) -> None:
    shutil.copy(store / "mlflow.db", mlflow_root)


def _settings(requests: str, **changed: Any) -> RunSettings:
    given = {"model_name": "captioner", "experiment": "photos", "requests": requests}
    return RunSettings(**{**given, **changed})


def _reason(requests: str, data: str = "d", **changed: Any) -> Reason:
    config = TrainingConfig({**_CONFIG.parts, "data": data})
    return find_reason(config, _settings(requests, **changed))


def _keep(uri: str, features: NDArray[np.float16], **encoder: str) -> None:
    with FeatureKeeper(uri, {**_ENCODER, **encoder}) as keeper:
        keeper.add(features)


def _tests() -> list[Run]:
    client = MlflowClient()
    experiment = client.get_experiment_by_name("photos")
    return list(client.search_runs([experiment.experiment_id], "run_name = 'drift test'"))


def test_shifted_requests_with_new_data_are_a_reason_to_train(tmp_path: Path) -> None:
    _keep(str(tmp_path / "kept"), _photos(150, 2, shift=0.5))
    reason = _reason(str(tmp_path / "kept"), data="new")
    assert reason.train
    for fact in ("the data changed", "requests have drifted", "champion v1", "n = 150", "p = 0.00"):
        assert fact in reason.text
    [run] = _tests()
    assert run.data.metrics["drift_requests"] == 150
    assert run.data.metrics["drift_mmd2"] > 0
    assert run.data.metrics["drift_p_value"] < 0.01
    tags = run.data.tags
    assert (tags["drifted"], tags["version"], tags["model_name"]) == ("true", "1", "captioner")
    assert tags["drift"] == reason.drift


def test_shifted_requests_without_new_data_ask_for_captions(tmp_path: Path) -> None:
    _keep(str(tmp_path / "kept"), _photos(150, 2, shift=0.5))
    reason = _reason(str(tmp_path / "kept"))
    assert not reason.train
    for fact in ("No training", "Requests have drifted", "n = 150", "add photos", "captions"):
        assert fact in reason.text
    # Another setting is a reason of its own, but teaches nothing about such photos.
    reason = find_reason(
        TrainingConfig({"data": "d", "epochs": 4}), _settings(str(tmp_path / "kept"))
    )
    assert reason.train and "epochs changed" in reason.text and "add photos" in reason.text


def test_similar_requests_change_no_reason(tmp_path: Path) -> None:
    _keep(str(tmp_path / "kept"), _photos(150, 3))
    with_requests, without = _reason(str(tmp_path / "kept")), _reason("")
    assert (with_requests.train, with_requests.text) == (without.train, without.text)
    assert "requests have not drifted" in with_requests.drift
    assert without.drift == ""
    [run] = _tests()
    assert (run.data.tags["drifted"], run.data.metrics["drift_p_value"] > 0.01) == ("false", True)


def test_requests_in_a_bucket_are_tested(remote: Any) -> None:
    _keep(f"{remote.uri}/kept", _photos(150, 2, shift=0.5))
    assert "Requests have drifted" in _reason(f"{remote.uri}/kept").text


def test_too_few_requests_are_not_tested(tmp_path: Path) -> None:
    # A photo that is asked about again and again counts once.
    _keep(str(tmp_path), np.repeat(_photos(9, 2, shift=9), 30, axis=0))
    reason = _reason(str(tmp_path))
    assert "drifted" not in reason.text
    assert "no drift test" in reason.drift and "9 of at least 100" in reason.drift
    assert _tests()[0].data.metrics == {}
    assert "Requests have drifted" in _reason(str(tmp_path), min_requests=9).text


def test_requests_of_another_encoder_are_left_out_and_named(tmp_path: Path) -> None:
    _keep(str(tmp_path), _photos(150, 2, shift=9), sha256="b" * 64)
    reason = _reason(str(tmp_path))
    assert "drifted" not in reason.text
    for fact in ("0 of at least 100", "another encoder", "champion v1", "b" * 16 + "-float32"):
        assert fact in reason.drift


@pytest.mark.parametrize("encoder_tag", [True, False])
def test_a_champion_without_features_can_not_be_compared(tmp_path: Path, encoder_tag: bool) -> None:
    client = MlflowClient()
    if encoder_tag:
        client.create_model_version(
            "captioner", "file:///nowhere", tags={
                "encoder_sha256": "a" * 64, "encoder_precision": "float32",
                "encoder_multi_crop": "False",
            },
        )  # fmt: skip
        client.set_registered_model_alias("captioner", "champion", "2")
    else:
        client.delete_model_version_tag("captioner", "1", "encoder_sha256")
    found = find_drift(find_champion("captioner"), _settings(str(tmp_path)))
    assert isinstance(found, Drift)
    assert not found.drifted and "can't be compared" in found.text


def test_a_champion_with_damaged_features_can_not_be_compared(store: Path, tmp_path: Path) -> None:
    [features] = store.rglob(f"artifacts/bundle/{FEATURES_FILE}")
    sound = features.read_bytes()
    # Still a valid array, but one bit of a feature is another.
    features.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    try:
        found = find_drift(find_champion("captioner"), _settings(str(tmp_path)))
    finally:
        features.write_bytes(sound)
    assert isinstance(found, Drift) and not found.drifted and not found.metrics
    start = "requests can't be compared with the photos of champion v1: captioner version 1/"
    assert found.text.startswith(f"{start}{FEATURES_FILE} is damaged: its SHA-256 must be ")
    assert "restore" in found.text
