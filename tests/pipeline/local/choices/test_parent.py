from pathlib import Path
from typing import Any

import pytest

from components.artifacts.files import TRAINING_FILE, atomic_directory, write_json
from components.errors import DataError, SettingError
from pipeline.local.choices.choose import choose_settings

_NETWORK = {"decoder": "par_inject", "ensemble_size": 2, "units": 64, "embedding_width": 50}


@pytest.fixture(autouse=True)
def store_of_the_work_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")


def _bundle(folder: Path, **encoder: Any) -> str:
    with atomic_directory(folder) as aside:
        write_json(aside / "network.json", _NETWORK)
        write_json(aside / "encoder.json", {"network": "Xception", "seed": None, **encoder})
        write_json(aside / TRAINING_FILE, {"mlflow_run_id": "run"})
    return str(folder)


@pytest.mark.parametrize(
    ("encoder", "values"),
    [
        ({"weights": "imagenet"}, {"encoder": "Xception", "encoder_weights": "imagenet"}),
        (
            {"weights": "random", "seed": 5},
            {"encoder": "Xception", "encoder_weights": "random", "seed": 5},
        ),
        # The file may be elsewhere now.
        ({"weights": "file"}, {"encoder": "Xception"}),
        ({"weights": "onnx"}, {}),
    ],
)
def test_choose_settings_takes_encoder_and_shapes_from_the_parent(
    tmp_path: Path, encoder: dict[str, Any], values: dict[str, Any]
) -> None:
    start = {"start_from": _bundle(tmp_path / "parent", **encoder)}
    choices = choose_settings(None, start, tmp_path / "runs")
    assert choices.values == {**_NETWORK, **values}
    assert choices.preset == "sample"
    assert {row.title for row in choices.rows} == {*choices.values}
    # What the user sets as well is not chosen.
    again = choose_settings(None, {**start, "units": "64", "embedding_width": "0"}, tmp_path)
    assert set(_NETWORK) - set(again.values) == {"units", "embedding_width"}


def test_choose_settings_refuses_another_shape_by_name(tmp_path: Path) -> None:
    start = {"start_from": _bundle(tmp_path / "parent", weights="imagenet"), "units": "128"}
    with pytest.raises(SettingError, match=r"units must be 64.*leave --units out. Received: 128"):
        choose_settings(None, start, tmp_path)


def test_choose_settings_with_a_missing_parent(tmp_path: Path) -> None:
    for start in (str(tmp_path / "nowhere"), "models:/nothing@champion"):
        with pytest.raises(DataError):
            choose_settings(None, {"start_from": start}, tmp_path / "runs")
    with pytest.raises(SettingError, match="models:/NAME@ALIAS"):
        choose_settings(None, {"start_from": "models:/nothing"}, tmp_path)
