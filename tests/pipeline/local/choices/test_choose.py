import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError, SettingError
from pipeline.config import make_settings
from pipeline.local.choices import weights
from pipeline.local.choices.choose import Choices, choose_settings

_KERAS_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    # Nothing listens on port 9 (discard) of this machine.
    monkeypatch.setattr(weights, "DOWNLOAD", "http://127.0.0.1:9/inception_v3_notop.h5")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "My pets"
    (folder / "photos").mkdir(parents=True)
    for name in ("a.jpg", "b.PNG", "c.txt"):
        (folder / "photos" / name).touch()
    return folder


@pytest.fixture
def cached(tmp_path: Path) -> None:
    (tmp_path / "keras" / "models").mkdir(parents=True)
    (tmp_path / "keras" / "models" / _KERAS_FILE).touch()


def _choose(dataset: Path, preset: str | None = None, **fixed: Any) -> Choices:
    return choose_settings(preset, {"dataset": str(dataset), **fixed}, Path("nowhere"))


def test_choose_settings_of_generated_scenes_chooses_nothing() -> None:
    assert choose_settings(None, {}, Path("nowhere")) == Choices("sample", {})
    assert choose_settings("flickr8k", {"dataset": "sample"}, Path("nowhere")).rows == ()


@pytest.mark.usefixtures("cached")
def test_choose_settings_of_own_photos_names_each_choice_with_its_flag(photos: Path) -> None:
    choices = _choose(photos)
    assert choices.preset == "small"
    assert choices.values == {
        "encoder": "InceptionV3",
        "encoder_weights": "imagenet",
        "glove": "none",
        "model_name": "captionflow-My-pets",
    }
    settings = make_settings(choices.preset, {**choices.values, "dataset": str(photos)})
    assert settings.floors != make_settings("sample").floors
    assert "2 images" in choices.rows[0].why
    assert [row.flags for row in choices.rows] == [
        "--preset", "--encoder", "--encoder-weights", "--glove", "--model-name", "--floors"
    ]  # fmt: skip


@pytest.mark.usefixtures("cached")
def test_choose_settings_by_the_number_of_images_in_a_zip(tmp_path: Path) -> None:
    for name, count, preset in (("few.zip", 1999, "small"), ("many.zip", 2000, "flickr8k")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for number in range(count):
                archive.writestr(f"{number}.jpg", "")
        choices = _choose(tmp_path / name)
        assert choices.preset == preset
        assert choices.values["model_name"] == f"captionflow-{name.partition('.')[0]}"


@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize(
    ("count", "value", "flag"),
    [(20_000, True, "--no-multi-crop"), (20_001, False, "--multi-crop")],
)
def test_choose_settings_turns_multi_crop_off_for_many_images(
    tmp_path: Path, count: int, value: bool, flag: str
) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for number in range(count):
            archive.writestr(f"{number}.jpg", "")
    choices = _choose(tmp_path / "data.zip")
    assert choices.values["multi_crop"] is value
    assert flag in [row.flags for row in choices.rows]
    # What the user says counts.
    assert "multi_crop" not in _choose(tmp_path / "data.zip", multi_crop=not value).values


@pytest.mark.usefixtures("cached")
def test_choose_settings_never_changes_what_the_user_set(photos: Path) -> None:
    fixed = {"encoder_weights": "random", "glove": "sample", "model_name": "own", "floors": ""}
    assert _choose(photos, **fixed) == Choices("small", {})
    # A preset that the user names keeps its values; `flickr8k` leaves only the vectors open.
    assert _choose(photos, "flickr8k").values == {"glove": "none"}


def test_choose_settings_takes_files_beside_the_data_set(photos: Path) -> None:
    (photos / "xception_weights_notop.h5").touch()
    with zipfile.ZipFile(photos.parent / "glove.6B.zip", "w") as archive:
        archive.writestr("glove.6B.300d.txt", "a 1 2 3")
        archive.writestr("glove.6B.50d.txt", "a 1")
    values = _choose(photos).values
    assert values["encoder"] == "Xception"
    assert values["encoder_weights"] == str(photos / "xception_weights_notop.h5")
    assert values["glove"] == f"{photos.parent / 'glove.6B.zip'}#glove.6B.50d.txt"


@pytest.mark.usefixtures("cached")
def test_choose_settings_takes_an_onnx_model_beside_the_data_set(photos: Path) -> None:
    model = photos.parent / "efficientnet"
    (model / "onnx").mkdir(parents=True)
    (model / "preprocessor_config.json").write_text('{"size": 260}')
    # Without a model the folder is none.
    assert _choose(photos).values["encoder"] == "InceptionV3"
    (model / "onnx" / "model.onnx").touch()
    choices = _choose(photos)
    assert choices.values["encoder"] == str(model)
    assert "encoder_weights" not in choices.values
    assert "--encoder-weights" not in {row.flags for row in choices.rows}
    assert "encoder" not in _choose(photos, encoder="InceptionV3").values


@pytest.mark.usefixtures("cached")
def test_choose_settings_skips_folders_of_onnx_models_that_take_no_photos(photos: Path) -> None:
    processors = {
        "speech": '{"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 80}',
        "list": '["image_processor_type"]',
        "damaged": '{"image_processor_type": "ViTImageProcessor"',
        "binary": "\x00",
        "deep": "[" * 100_000,
        "text": '{"image_processor_type": "CLIPImageProcessor"}',
    }
    for name, processor in processors.items():
        (photos.parent / name).mkdir()
        (photos.parent / name / "preprocessor_config.json").write_text(processor)
        file = "text_model.onnx" if name == "text" else "model.onnx"
        (photos.parent / name / file).touch()
    choices = _choose(photos)
    assert choices.values["encoder"] == "InceptionV3"
    assert choices.values["encoder_weights"] == "imagenet"
    (photos.parent / "text" / "vision_model.onnx").touch()
    assert _choose(photos).values["encoder"] == str(photos.parent / "text")


@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize(
    ("file", "encoder"),
    [(_KERAS_FILE, "InceptionV3"), ("xception_weights_notop.h5", "Xception")],
)
def test_choose_settings_prefers_weights_beside_the_data_set_to_those_in_the_cache(
    photos: Path, file: str, encoder: str
) -> None:
    (photos.parent / file).touch()
    values = _choose(photos).values
    assert (values["encoder"], values["encoder_weights"]) == (encoder, str(photos.parent / file))


@pytest.mark.usefixtures("cached")
def test_choose_settings_takes_only_weights_of_the_encoder_that_the_user_named(
    photos: Path,
) -> None:
    with pytest.raises(SettingError, match="ResNet50V2"):
        _choose(photos, encoder="ResNet50V2")
    (photos / "resnet50_weights_notop.h5").touch()
    with pytest.raises(SettingError, match="ResNet50V2"):
        _choose(photos, encoder="ResNet50V2")
    assert "encoder_weights" not in _choose(photos, encoder="./onnx").values


def test_choose_settings_without_weights_and_network_says_what_to_do(
    photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(SettingError) as raised:
        _choose(photos)
    for fact in (
        "InceptionV3", str(tmp_path / "keras" / "models"), "Connection refused", weights.DOWNLOAD,
        "--encoder-weights", "--encoder ./FOLDER", "--encoder-weights random",
    ):  # fmt: skip
        assert fact in str(raised.value)


def test_choose_settings_of_a_missing_data_set_says_so_first(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="dataset: There is nothing at this path"):
        _choose(tmp_path / "nowhere")


_CHINESE = (
    "\u6709\u4e00\u53ea\u68d5\u8272\u7684\u72d7\u5728\u516c\u56ed\u7684\u8349"
    "\u5730\u4e0a\u5feb\u4e50\u5730\u5954\u8dd1\u73a9\u800d\u3002"
)


def _write_captions(folder: Path, *captions: str) -> None:
    row = {"image": "photos/a.jpg", "captions": captions}
    (folder / "captions.jsonl").write_text(json.dumps(row))


@pytest.mark.usefixtures("cached")
def test_choose_settings_of_long_captions_names_the_longest_and_its_flag(photos: Path) -> None:
    _write_captions(photos, _CHINESE, "\u72d7")
    choices = _choose(photos)
    # Without the full stop.
    assert choices.values["max_words"] == len(_CHINESE) - 1 == 21
    (row,) = (row for row in choices.rows if row.flags == "--max-words")
    assert (row.title, row.value) == ("longest caption", "21 characters")
    assert "50% of the captions" in row.why
    assert "20" in row.why
    assert "max_words" not in _choose(photos, max_words=20).values


@pytest.mark.usefixtures("cached")
def test_choose_settings_of_short_or_unreadable_captions_keeps_the_longest(photos: Path) -> None:
    _write_captions(photos, "a dog")
    assert "max_words" not in _choose(photos).values
    (photos / "captions.jsonl").write_text("{")
    assert "max_words" not in _choose(photos).values
