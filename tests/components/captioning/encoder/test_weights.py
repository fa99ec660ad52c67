import socket
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from components.captioning.encoder.backbones import find_backbone
from components.captioning.encoder.weights import build_with_weights, weights_sha256
from components.errors import DataError

# The one with the fewest layers to build, of all whose weights are small.
NETWORK = find_backbone("MobileNet")
IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return build_with_weights(NETWORK, "random", 1)


@pytest.fixture(scope="module")
def file(model: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "mobilenet.weights.h5"
    model.save_weights(path)
    return path


def test_weights_sha256_is_the_same_for_the_same_seed_alone(model: keras.Model) -> None:
    again = build_with_weights(NETWORK, "random", 1)
    assert weights_sha256(again) == weights_sha256(model)
    assert weights_sha256(build_with_weights(NETWORK, "random", 2)) != weights_sha256(model)


def test_weights_sha256_changes_with_one_weight(file: Path, model: keras.Model) -> None:
    changed = build_with_weights(NETWORK, str(file))
    bias = changed.weights[-1]
    bias.assign(bias + 1e-6)
    assert weights_sha256(changed) != weights_sha256(model)


def test_random_weights_have_the_spread_of_he(model: keras.Model) -> None:
    kernel = model.get_layer("conv_pw_13").kernel.numpy()  # [1, 1, 1024, 1024]
    assert kernel.std() == pytest.approx((2 / 1024) ** 0.5, rel=0.01)
    depthwise = model.get_layer("conv_dw_2").kernel.numpy()  # [3, 3, 64, 1]
    assert depthwise.std() == pytest.approx((2 / 9) ** 0.5, rel=0.1)


def test_weights_from_a_file_are_the_same(file: Path, model: keras.Model) -> None:
    assert weights_sha256(build_with_weights(NETWORK, str(file))) == weights_sha256(model)


def test_weights_from_an_old_file_with_its_top_left_out_are_the_same(
    model: keras.Model, tmp_path: Path
) -> None:
    path = tmp_path / "old.h5"
    model.save(path)
    assert weights_sha256(build_with_weights(NETWORK, str(path))) == weights_sha256(model)


@pytest.mark.parametrize("name", ["full.weights.h5", "full.h5"])
def test_weights_with_the_classifier_are_the_same_without_it(tmp_path: Path, name: str) -> None:
    full = NETWORK.build(include_top=True)
    full.save_weights(tmp_path / name) if "weights" in name else full.save(tmp_path / name)
    loaded = build_with_weights(NETWORK, str(tmp_path / name))
    expected = full.get_weights()[:-2]  # without the last layer's kernel and bias
    found = loaded.get_weights()
    assert len(found) == len(expected)
    assert all(map(np.array_equal, found, expected))


def test_weights_from_half_precision_are_full_again(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.weights.h5"
    with h5py.File(file) as full, h5py.File(path, "w") as half:
        for name in full:
            full.copy(name, half)
        kernel = half["layers/conv2d/vars"]["0"][:]
        del half["layers/conv2d/vars"]["0"]
        half["layers/conv2d/vars"]["0"] = kernel.astype(np.float16)
    loaded = build_with_weights(NETWORK, str(path)).weights[0]
    assert loaded.dtype == "float32"
    assert np.array_equal(loaded.numpy(), kernel.astype(np.float16))


def test_weights_from_no_file_name_the_path() -> None:
    with pytest.raises(DataError, match=r"There is nothing at this path.* nowhere.weights.h5"):
        build_with_weights(NETWORK, "nowhere.weights.h5")


def test_weights_from_a_file_of_another_kind_name_it(tmp_path: Path) -> None:
    path = tmp_path / "weights.txt"
    path.touch()
    with pytest.raises(DataError, match=r"a Keras weights file, .* Received: .*weights.txt"):
        build_with_weights(NETWORK, str(path))


@pytest.mark.parametrize("name", ["broken.weights.h5", "broken.h5"])
def test_weights_from_a_broken_file_name_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no HDF5 at all")
    with pytest.raises(DataError, match=rf"a Keras weights file\. {name} can't be read"):
        build_with_weights(NETWORK, str(tmp_path / name))


@pytest.mark.parametrize("name", ["empty.weights.h5", "empty.h5"])
def test_weights_from_an_empty_file_name_file_and_network(tmp_path: Path, name: str) -> None:
    h5py.File(tmp_path / name, "w").close()
    with pytest.raises(DataError, match=rf"weights of MobileNet\. {name} does not hold them: "):
        build_with_weights(NETWORK, str(tmp_path / name))


def test_weights_of_another_network_name_file_and_network(file: Path) -> None:
    with pytest.raises(DataError, match=r"weights of MobileNetV2\. mobilenet.weights.h5 does not"):
        build_with_weights(find_backbone("MobileNetV2"), str(file))


def test_weights_that_are_no_numbers_are_counted(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "nan.weights.h5"
    path.write_bytes(file.read_bytes())
    with h5py.File(path, "r+") as content:
        content["layers/conv2d/vars/0"][0, 0, 0, 0] = np.nan
    with pytest.raises(DataError, match=r"nan.weights.h5 lacks 1 of 135 weights .*conv1/kernel"):
        build_with_weights(NETWORK, str(path))


def test_weights_of_imagenet_out_of_reach_say_how_to_supply_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    # All that Keras asks for goes to a port of this machine where nobody listens.
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    with pytest.raises(
        DataError,
        match=r"encoder_weights is 'imagenet'.* MobileNet here: .*refused.*set encoder_weights "
        r"to the path of the .weights.h5",
    ):
        build_with_weights(NETWORK, "imagenet")


def test_weights_of_efficientnet_see_standardised_colours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = find_backbone("EfficientNetB0")
    published = network.build()
    normalization = published.layers[2]
    normalization.adapt_mean.assign([0.485, 0.456, 0.406])
    normalization.adapt_variance.assign(IMAGENET_STD)  # As it is published, and wrong.
    path = tmp_path / "published.weights.h5"
    published.save_weights(path)
    # The one thing that can't be real here is the download.
    monkeypatch.setattr(
        "keras.src.applications.efficientnet.file_utils.get_file", lambda *_, **__: str(path)
    )
    photo = np.full((1, 224, 224, 3), (255, 128, 0), np.float32)
    for weights in ("imagenet", str(path)):
        model = build_with_weights(network, weights)
        front = keras.Model(model.input, model.get_layer("stem_conv_pad").output)
        # (1 - 0.485) / 0.229 and so on.
        assert front(photo)[0, 100, 100].numpy().tolist() == pytest.approx(
            [2.2489, 0.2052, -1.8044], abs=1e-3
        )
