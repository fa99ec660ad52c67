from pathlib import Path

import pytest

from components.artifacts.dataset_summary import DatasetSummary
from components.errors import DataError
from components.settings.run import RunSettings
from components.trigger.training_config import TrainingConfig, make_training_config

_PARTS = {
    "data": "d1", "encoder": "InceptionV3", "encoder_weights": "imagenet", "glove": "sample",
    "min_count": 5, "seed": 17, "epochs": 10, "precision": "auto",
}  # fmt: skip


_DATA = DatasetSummary("d1", 7, 35, {"train": 5, "dev": 1, "test": 1})


def test_make_training_config_takes_data_code_and_decisive_settings() -> None:
    made = make_training_config(_DATA, RunSettings(encoder="inceptionv3", epochs=3))
    assert made.parts["data"] == "d1"
    assert made.parts["encoder"] == "InceptionV3"
    assert (made.parts["encoder_weights"], made.parts["glove"]) == ("random", "sample")
    assert (made.parts["epochs"], made.parts["min_count"], made.parts["seed"]) == (3, 1, 17)
    assert len(made.parts["code"]) == 64
    # Storage, execution and release settings do not count; the data count by fingerprint.
    excluded = {"store", "checkpoints", "beam_flags", "dataset", "scenes", "floors", "force"}
    assert not excluded & made.parts.keys()


def test_make_training_config_counts_files_by_content(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a 1 2")
    (tmp_path / "b.txt").write_text("a 1 2")
    one, same = (
        make_training_config(_DATA, RunSettings(glove=str(tmp_path / name)))
        for name in ("a.txt", "b.txt")
    )
    assert one == same
    (tmp_path / "b.txt").write_text("a 1 3")
    other = make_training_config(_DATA, RunSettings(glove=str(tmp_path / "b.txt")))
    assert other.changes_from(one, "champion v1") == ["GloVe changed since champion v1"]


def test_make_training_config_without_the_weights_file_is_an_error(tmp_path: Path) -> None:
    settings = RunSettings(encoder_weights=str(tmp_path / "gone.h5"))
    with pytest.raises(DataError, match=r"gone\.h5"):
        make_training_config(_DATA, settings)


def test_training_config_survives_json() -> None:
    assert TrainingConfig.from_json(TrainingConfig(_PARTS).to_json()) == TrainingConfig(_PARTS)


def test_training_config_from_json_of_a_list_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"must be a JSON object. Received: '\[1\]'"):
        TrainingConfig.from_json("[1]")


def test_changes_from_names_contents_first_and_settings_with_both_values() -> None:
    now = TrainingConfig({**_PARTS, "data": "d2", "epochs": 12})
    assert now.changes_from(TrainingConfig(_PARTS), "champion v2") == [
        "the data changed since champion v2",
        "epochs changed from 10 (champion v2) to 12",
    ]


def test_changes_from_a_config_without_a_setting_names_it() -> None:
    old = TrainingConfig({name: value for name, value in _PARTS.items() if name != "seed"})
    assert TrainingConfig(_PARTS).changes_from(old, "v1") == ["seed changed from None (v1) to 17"]


def test_make_training_config_counts_an_onnx_encoder_by_content(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        (folder / "model.onnx").write_text("model")
    one, same = (
        make_training_config(_DATA, RunSettings(encoder=str(folder))) for folder in folders
    )
    assert one == same
    keras = make_training_config(_DATA, RunSettings())
    assert one.changes_from(keras, "v1") == [
        f"encoder changed from InceptionV3 (v1) to ONNX model {one.parts['encoder'][:12]}"
    ]
