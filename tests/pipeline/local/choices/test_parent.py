from pathlib import Path
from typing import Any

import pytest

from components.artifacts.files import TRAINING_FILE, atomic_directory, write_json
from components.artifacts.training_photos import TrainingPhotos
from components.errors import DataError, SettingError
from pipeline.local.choices.choose import choose_settings

_NETWORK = {"decoder": "par_inject", "ensemble_size": 2, "units": 64, "embedding_width": 50}

_ONNX = {"network": "clip", "weights": "onnx", "onnx": {"output": "pooler_output"}}
_FILE = {"weights": "file"}


@pytest.fixture(autouse=True)
def store_of_the_work_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")


def _bundle(folder: Path, **encoder: Any) -> str:
    with atomic_directory(folder) as aside:
        write_json(aside / "network.json", _NETWORK)
        write_json(
            aside / "encoder.json",
            {"network": "Xception", "seed": None, "multi_crop": True, **encoder},
        )
        write_json(aside / TRAINING_FILE, {"mlflow_run_id": "run"})
        TrainingPhotos(frozenset(), frozenset()).save(aside)
    return str(folder)


@pytest.mark.parametrize(
    ("encoder", "values"),
    [
        ({"weights": "imagenet"}, {"encoder": "Xception", "encoder_weights": "imagenet"}),
        (
            {"weights": "random", "seed": 5},
            {"encoder": "Xception", "encoder_weights": "random", "seed": 5},
        ),
    ],
)
def test_choose_settings_takes_encoder_and_shapes_from_the_parent(
    tmp_path: Path, encoder: dict[str, Any], values: dict[str, Any]
) -> None:
    start = {"start_from": _bundle(tmp_path / "parent", **encoder)}
    choices = choose_settings(None, start, tmp_path / "runs")
    assert choices.values == {**_NETWORK, "multi_crop": True, **values}
    assert choices.preset == "sample"
    titles = {name.replace("_", " ") for name in choices.values}
    assert {row.title for row in choices.rows} == {"parent", *titles}
    # What the user sets as well is not chosen.
    again = choose_settings(None, {**start, "units": "64", "embedding_width": "0"}, tmp_path)
    assert set(_NETWORK) - set(again.values) == {"units", "embedding_width"}


@pytest.mark.parametrize(
    ("encoder", "wrong", "facts"),
    [
        (_ONNX, {}, ("--encoder ./FOLDER", "clip", "no --encoder")),
        (_ONNX, {"encoder": "Xception"}, ("--encoder ./FOLDER", "clip", "Received: Xception")),
        (_FILE, {}, ("--encoder-weights FILE", "Xception", "no --encoder-weights")),
        (_FILE, {"encoder_weights": "random"}, ("--encoder-weights FILE", "Received: random")),
    ],
)
@pytest.mark.parametrize("dataset", ["own", "sample"])
def test_choose_settings_asks_for_the_files_of_the_parents_encoder(
    tmp_path: Path, dataset: str, encoder: dict[str, Any], wrong: dict[str, str], facts: Any
) -> None:
    start = {"start_from": _bundle(tmp_path / "parent", **encoder), "dataset": dataset}
    if dataset == "own":
        (tmp_path / "own").mkdir()
        start["dataset"] = str(tmp_path / "own")
    with pytest.raises(SettingError) as raised:
        choose_settings(None, start | wrong, tmp_path / "runs")
    assert all(fact in str(raised.value) for fact in facts)
    assert start["start_from"] in str(raised.value)


@pytest.mark.parametrize(
    ("encoder", "given", "values"),
    [
        (_ONNX, {"encoder": "./clip"}, {"encoder_output": "pooler_output"}),
        (_ONNX, {"encoder": "./clip", "encoder_output": ""}, {}),
        (_FILE, {"encoder_weights": "/weights.h5"}, {"encoder": "Xception"}),
        # The file may be Keras's own; `train` compares the weights themselves.
        (_FILE, {"encoder_weights": "imagenet"}, {"encoder": "Xception"}),
    ],
)
def test_choose_settings_leaves_the_files_of_the_parents_encoder_to_the_user(
    tmp_path: Path, encoder: dict[str, Any], given: dict[str, str], values: dict[str, Any]
) -> None:
    start = {"start_from": _bundle(tmp_path / "parent", **encoder), "dataset": str(tmp_path)}
    choices = choose_settings(None, start | given | {"glove": "none", "model_name": "a"}, tmp_path)
    assert choices.values == {**_NETWORK, "multi_crop": True, **values}


def test_choose_settings_takes_the_files_of_the_parents_encoder_beside_the_data_set(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data" / "photos"
    data.mkdir(parents=True)
    weights = data.parent / "xception_trained.h5"
    weights.touch()
    for name in ("another", "clip"):
        (data.parent / name).mkdir()
        (data.parent / name / "preprocessor_config.json").write_text('{"size": 224}')
        (data.parent / name / "model.onnx").touch()
    given = {"dataset": str(data), "glove": "none", "model_name": "a"}
    start = given | {"start_from": _bundle(tmp_path / "file", **_FILE)}
    values = choose_settings(None, start, tmp_path).values
    assert (values["encoder"], values["encoder_weights"]) == ("Xception", str(weights))
    # What the user names counts, whatever is beside the data set.
    named = choose_settings(None, start | {"encoder_weights": "/other.h5"}, tmp_path).values
    assert "encoder_weights" not in named
    start = given | {"start_from": _bundle(tmp_path / "onnx", **_ONNX)}
    assert choose_settings(None, start, tmp_path).values["encoder"] == str(data.parent / "clip")


def test_choose_settings_compares_values_not_their_spelling(tmp_path: Path) -> None:
    start = {"start_from": _bundle(tmp_path / "parent", weights="imagenet")}
    choices = choose_settings(None, {**start, "encoder": "xception", "units": "+64"}, tmp_path)
    assert not {"encoder", "units"} & choices.values.keys()


def test_choose_settings_names_the_first_of_several_differences(tmp_path: Path) -> None:
    start = {"start_from": _bundle(tmp_path / "parent", weights="imagenet")}
    wrong = {"encoder": "VGG16", "embedding_width": 7, "units": 7, "ensemble_size": 7}
    with pytest.raises(SettingError, match=r"^ensemble_size must be 2"):
        choose_settings(None, {**start, **wrong}, tmp_path)


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
