import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from components.captioning.encoder.loading import load_encoder
from components.captioning.encoder.onnx.encoder import OnnxEncoder
from components.captioning.encoder.spec import EncoderSpec
from components.errors import DataError, SettingError

MakeModel = Callable[..., onnx.ModelProto]
WriteFolder = Callable[..., Path]
SHARED = Path(__file__).parents[5].parent / "shared"
LITE2 = SHARED / "encoders" / "efficientnet_lite2"
PLAIN = {"size": 8, "do_normalize": False}
RAW = {**PLAIN, "do_rescale": False}


def photos(*colours: tuple[int, int, int]) -> np.ndarray:
    return np.stack([np.full((8, 8, 3), colour, np.uint8) for colour in colours])


@pytest.fixture(name="write_folder")
def write_folder_fixture(write_onnx_folder: WriteFolder) -> WriteFolder:
    return write_onnx_folder


@pytest.fixture
def folder(tmp_path: Path, make_model: MakeModel, write_folder: WriteFolder) -> Path:
    return write_folder(tmp_path / "tiny net", make_model(), PLAIN)


@pytest.fixture
def saved(folder: Path, tmp_path: Path) -> Path:
    directory = tmp_path / "saved"
    directory.mkdir()
    OnnxEncoder.build(folder).save(directory)
    return directory


def test_encode_is_the_output_for_the_normalized_photos(folder: Path) -> None:
    encoder = OnnxEncoder.build(folder, batch_size=2)
    features = encoder.encode(photos((255, 0, 51), (0, 102, 0), (51, 51, 51)))
    # Colours from 0 to 1, times 1, 2 and 4.
    expected = [[1, 0, 0.8], [0, 0.8, 0], [0.2, 0.4, 0.8]]
    np.testing.assert_allclose(features, expected, atol=1e-6)
    assert features.dtype == np.float32


def test_encode_normalizes_by_mean_and_deviation(
    tmp_path: Path, make_model: MakeModel, write_folder: WriteFolder
) -> None:
    config = {"size": 8, "image_mean": [0, 0.2, 0.5], "image_std": [1, 0.5, 2]}
    encoder = OnnxEncoder.build(write_folder(tmp_path / "net", make_model(), config))
    np.testing.assert_allclose(encoder.encode(photos((255, 102, 255))), [[1, 0.8, 1]], atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"layout": "NHWC", "dtype": TensorProto.UINT8},
        {"layout": "NHWC"},
        {"dtype": TensorProto.UINT8, "batch": 2},
        {"batch": 1},
        {"dtype": TensorProto.FLOAT16, "batch": 3},
    ],
)
def test_encode_with_other_inputs_gives_the_same(
    tmp_path: Path, make_model: MakeModel, write_folder: WriteFolder, options: dict[str, Any]
) -> None:
    encoder = OnnxEncoder.build(write_folder(tmp_path / "net", make_model(**options), RAW))
    features = encoder.encode(photos((1, 0, 0), (0, 2, 0), (0, 0, 3)))
    np.testing.assert_allclose(features, [[1, 0, 0], [0, 4, 0], [0, 0, 12]], atol=1e-6)


@pytest.mark.parametrize("output", ["last_hidden_state", "map", "classified"])
def test_encode_averages_tokens_and_cells(
    tmp_path: Path, make_model: MakeModel, write_folder: WriteFolder, output: str
) -> None:
    encoder = OnnxEncoder.build(write_folder(tmp_path / "net", make_model((output,)), RAW))
    np.testing.assert_allclose(encoder.encode(photos((1, 2, 3))), [[1, 4, 12]], atol=1e-6)
    assert encoder.spec.onnx is not None and encoder.spec.onnx.output == output


def test_feature_map_is_the_output_whose_mean_is_the_feature(folder: Path) -> None:
    encoder = OnnxEncoder.build(folder, batch_size=1)
    halves = photos((0, 0, 0), (0, 0, 0))
    halves[1, :, 4:] = (255, 0, 0)
    cells = encoder.feature_map(halves)
    assert cells is not None and cells.shape == (2, 2, 2, 3)
    np.testing.assert_allclose(cells[1, ..., 0], [[0, 1], [0, 1]], atol=1e-6)
    np.testing.assert_allclose(cells.mean(axis=(1, 2)), encoder.encode(halves), atol=1e-6)


def test_feature_map_without_such_an_output_is_none(
    tmp_path: Path, make_model: MakeModel, write_folder: WriteFolder
) -> None:
    model = make_model(("classified",))
    encoder = OnnxEncoder.build(write_folder(tmp_path / "net", model, PLAIN))
    assert encoder.feature_map(photos((1, 2, 3))) is None


def test_load_photo_is_resized_as_the_configuration_says(folder: Path, tmp_path: Path) -> None:
    Image.new("RGB", (40, 20), (7, 8, 9)).save(tmp_path / "photo.png")
    encoder = OnnxEncoder.build(folder)
    assert np.array_equal(encoder.load_photo(tmp_path / "photo.png"), photos((7, 8, 9))[0])
    with pytest.raises(DataError, match="my photo can't be read"):
        encoder.load_photo(b"no photo", named="my photo")


def test_spec_has_name_size_and_identity(folder: Path) -> None:
    spec = OnnxEncoder.build(folder).spec
    assert (spec.network, spec.weights, spec.seed) == ("tiny-net", "onnx", None)
    assert (spec.width, spec.size, spec.precision) == (3, 8, "float32")


def test_identity_depends_on_model_preprocessing_and_output(
    folder: Path, make_model: MakeModel, write_folder: WriteFolder, tmp_path: Path
) -> None:
    specs = [OnnxEncoder.build(folder).spec, OnnxEncoder.build(folder, "last_hidden_state").spec]
    other = make_model()
    other.producer_name = "other"
    specs += [
        OnnxEncoder.build(write_folder(tmp_path / "a", other, PLAIN)).spec,
        OnnxEncoder.build(write_folder(tmp_path / "b", make_model(), RAW)).spec,
    ]
    assert len({spec.sha256 for spec in specs}) == 4
    same = write_folder(tmp_path / "c", make_model(), {**PLAIN, "resample": 2, "do_pad": False})
    assert OnnxEncoder.build(same).spec.sha256 == specs[0].sha256


def test_load_restores_the_saved_encoder(folder: Path, saved: Path, tmp_path: Path) -> None:
    content = (saved / "encoder.onnx").read_bytes()
    original = (folder / "model.onnx").read_bytes()
    assert hashlib.sha256(content).digest() == hashlib.sha256(original).digest()
    built, loaded = OnnxEncoder.build(folder), load_encoder(saved)
    assert loaded.spec == built.spec
    np.testing.assert_array_equal(loaded.encode(photos((1, 2, 3))), built.encode(photos((1, 2, 3))))
    (tmp_path / "again").mkdir()
    loaded.save(tmp_path / "again")
    assert load_encoder(tmp_path / "again").spec == built.spec


def test_load_of_another_model_or_preprocessing_is_refused(
    saved: Path, make_model: MakeModel
) -> None:
    spec = EncoderSpec.load(saved)
    assert spec.onnx is not None
    processor = replace(spec.onnx.image_processor, resample=3)
    replace(spec, onnx=replace(spec.onnx, image_processor=processor)).save(saved)
    with pytest.raises(DataError, match=rf"encoder.json names, {spec.sha256}"):
        load_encoder(saved)
    spec.save(saved)
    other = make_model(("last_hidden_state",))
    (saved / "encoder.onnx").write_bytes(other.SerializeToString())
    with pytest.raises(DataError, match=rf"encoder.json names, {spec.sha256}"):
        load_encoder(saved)


def test_load_of_a_model_with_a_custom_operator_creates_no_session(
    saved: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A bundle from elsewhere: its checksum may well fit.
    from components.captioning.encoder.onnx import encoder as module
    from components.captioning.encoder.onnx import network

    model = make_model()
    model.graph.node.append(helper.make_node("Steal", ["scale"], ["x"], domain="evil"))
    content = model.SerializeToString()
    spec = EncoderSpec.load(saved)
    assert spec.onnx is not None
    identity = module._identity(content, spec.onnx.image_processor, spec.onnx.output)
    replace(spec, sha256=identity).save(saved)
    (saved / "encoder.onnx").write_bytes(content)
    monkeypatch.setattr(network, "open_session", None)
    monkeypatch.setattr(network, "try_model", None)
    with pytest.raises(DataError, match="the operator 'Steal' of the domain 'evil'"):
        load_encoder(saved)


def test_load_with_another_width_is_refused(saved: Path) -> None:
    replace(EncoderSpec.load(saved), width=4).save(saved)
    with pytest.raises(DataError, match=r"8 and 3\. Received: 8 and 4"):
        load_encoder(saved)


def test_spec_with_onnx_and_other_weights_is_refused(saved: Path) -> None:
    values = json.loads((saved / "encoder.json").read_text())
    (saved / "encoder.json").write_text(json.dumps({**values, "weights": "file"}))
    with pytest.raises(DataError, match="must be a valid encoder spec"):
        load_encoder(saved)


def test_build_with_photos_of_another_size_names_both(
    tmp_path: Path, make_model: MakeModel, write_folder: WriteFolder
) -> None:
    folder = write_folder(tmp_path / "net", make_model(), {**PLAIN, "size": 16})
    with pytest.raises(DataError, match=r"photos of 8 pixels a side, .* gives 16"):
        OnnxEncoder.build(folder)


def test_build_of_a_model_of_bytes_that_are_normalized_is_refused(
    tmp_path: Path, make_model: MakeModel, write_folder: WriteFolder
) -> None:
    folder = write_folder(tmp_path / "net", make_model(dtype=TensorProto.UINT8), PLAIN)
    with pytest.raises(DataError, match="set do_rescale and do_normalize to false"):
        OnnxEncoder.build(folder)


def test_build_with_an_unknown_output_lists_them(folder: Path) -> None:
    with pytest.raises(SettingError, match=r"last_hidden_state, pooler_output\. Received: 'none'"):
        OnnxEncoder.build(folder, "none")


@pytest.mark.skipif(not LITE2.exists(), reason="needs ../shared/encoders")
def test_real_encoder_equals_onnxruntime_on_real_photos() -> None:
    import onnxruntime as ort

    paths = sorted((SHARED / "flickr8k" / "Images").glob("*.jpg"))[:4]
    encoder = OnnxEncoder.build(LITE2)
    features = encoder.encode(np.stack([encoder.load_photo(path) for path in paths]))
    resized = [Image.open(path).resize((260, 260), Image.Resampling.BICUBIC) for path in paths]
    config = json.loads((LITE2 / "preprocessor_config.json").read_text())
    mean, std = (np.float32(config[name]) for name in ("image_mean", "image_std"))
    inputs = (np.stack([np.asarray(photo) for photo in resized]) / np.float32(255) - mean) / std
    session = ort.InferenceSession(LITE2 / "model.onnx", providers=["CPUExecutionProvider"])
    inputs = inputs.transpose(0, 3, 1, 2).astype(np.float32)  # NHWC -> NCHW
    (direct,) = session.run(["pooler_output"], {"pixel_values": inputs})
    np.testing.assert_allclose(features, direct, atol=1e-4)
    cells = encoder.feature_map(np.stack([encoder.load_photo(path) for path in paths]))
    assert cells is not None and cells.shape == (4, 9, 9, 1280)
