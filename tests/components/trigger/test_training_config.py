import json
from pathlib import Path

import pytest

from components.errors import DataError
from components.trigger.training_config import TrainingConfig, make_training_config

_PARTS = {
    "data": "d1", "encoder": "InceptionV3", "encoder_weights": "imagenet", "glove": "sample",
    "min_count": 5, "seed": 17, "epochs": 10, "precision": "auto",
}  # fmt: skip
_NET = {"encoder": "InceptionV3", "encoder_weights": "random"}


def _manifest(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "report.json").write_text(json.dumps({"dataset_fingerprint": "d1"}))
    return folder


def test_make_recipe_takes_data_from_the_report_and_words_as_they_are(tmp_path: Path) -> None:
    made = make_training_config(
        _manifest(tmp_path), encoder_weights="imagenet", glove="sample", encoder="inceptionv3",
        min_count=5, seed=17, epochs=10, precision="auto",
    )  # fmt: skip
    assert made == TrainingConfig(_PARTS)


def test_make_recipe_counts_files_by_content(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path / "manifest")
    (tmp_path / "a.txt").write_text("a 1 2")
    (tmp_path / "b.txt").write_text("a 1 2")
    recipes = [
        make_training_config(manifest, **_NET, glove=str(tmp_path / name))
        for name in ("a.txt", "b.txt")
    ]
    assert recipes[0] == recipes[1]
    (tmp_path / "b.txt").write_text("a 1 3")
    changed = make_training_config(manifest, **_NET, glove=str(tmp_path / "b.txt"))
    assert changed.changes_from(recipes[0]) == ["GloVe changed"]


def test_make_recipe_of_weights_that_are_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Nothing lies at this path"):
        make_training_config(
            _manifest(tmp_path), encoder="InceptionV3", encoder_weights=str(tmp_path / "gone.h5"),
            glove="sample",
        )  # fmt: skip


def test_make_recipe_of_a_damaged_manifest_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must have its whole report\.json: run again with --no-"):
        make_training_config(tmp_path, **_NET, glove="sample")


def test_recipe_survives_json() -> None:
    assert TrainingConfig.from_json(TrainingConfig(_PARTS).to_json()) == TrainingConfig(_PARTS)


def test_recipe_from_json_of_something_else_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"must be a JSON object. Received: '\[1\]'"):
        TrainingConfig.from_json("[1]")


def test_changes_from_names_contents_first_and_settings_with_both_values() -> None:
    now = TrainingConfig({**_PARTS, "data": "d2", "epochs": 12})
    assert now.changes_from(TrainingConfig(_PARTS)) == ["the data changed", "epochs was 10, is 12"]


def test_changes_from_an_older_recipe_names_a_new_setting() -> None:
    old = TrainingConfig({name: value for name, value in _PARTS.items() if name != "seed"})
    assert TrainingConfig(_PARTS).changes_from(old) == ["seed was None, is 17"]
