from functools import partial
from pathlib import Path

import pytest

from components.errors import DataError, SettingError
from components.features import key

encoder_key = partial(key.encoder_key, multi_crop=False)


def test_encoder_key_counts_a_weights_file_by_its_content(tmp_path: Path) -> None:
    one, same, other = (tmp_path / f"{name}.h5" for name in ("one", "same", "other"))
    one.write_text("weights")
    same.write_text("weights")
    other.write_text("others")
    first = encoder_key("inceptionv3", str(one), 1, "float32")
    assert len(first) == 64
    # Neither the file's name counts, nor how the network is spelled, nor a seed that is not used.
    assert encoder_key("InceptionV3", str(same), 2, "float32") == first
    assert encoder_key("InceptionV3", str(other), 1, "float32") != first


def test_encoder_key_differs_with_all_that_changes_features(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = {
        encoder_key("InceptionV3", "random", 1, "float32"),
        encoder_key("InceptionV3", "random", 2, "float32"),
        encoder_key("InceptionV3", "imagenet", 1, "float32"),
        encoder_key("Xception", "imagenet", 1, "float32"),
        encoder_key("Xception", "imagenet", 1, "bfloat16"),
    }
    keys.add(encoder_key("Xception", "imagenet", 1, "bfloat16", multi_crop=True))
    monkeypatch.setattr(key, "code_version", lambda package: f"another {package}")
    keys.add(encoder_key("InceptionV3", "imagenet", 1, "float32"))
    assert len(keys) == 7


def test_encoder_key_of_wrong_settings_names_them(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"encoder must name .*InceptionV3"):
        encoder_key("InceptionV9", "imagenet", 1, "float32")
    with pytest.raises(DataError, match="There is nothing at this path"):
        encoder_key("InceptionV3", str(tmp_path / "gone.h5"), 1, "float32")


def test_encoder_key_of_an_onnx_model_counts_its_files_and_output(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "model.onnx").write_text("model")
    (folder / "preprocessor_config.json").write_text("{}")
    first = encoder_key(str(folder), "random", 1, "float32")
    # It has its own weights, and no seed.
    assert encoder_key(str(folder.rename(tmp_path / "moved")), "imagenet", 2, "float32") == first
    other_output = encoder_key(str(tmp_path / "moved"), "random", 1, "float32", output="map")
    cropped = encoder_key(str(tmp_path / "moved"), "random", 1, "float32", multi_crop=True)
    (tmp_path / "moved" / "preprocessor_config.json").write_text('{"size": 8}')
    changed = encoder_key(str(tmp_path / "moved"), "random", 1, "float32")
    assert len({first, other_output, cropped, changed}) == 4
