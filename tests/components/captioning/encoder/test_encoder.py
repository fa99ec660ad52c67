import logging
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.artifacts.files import ENCODER_WEIGHTS_FILE
from components.captioning.encoder import encoder as encoder_module
from components.captioning.encoder import precision as precision_module
from components.captioning.encoder.encoder import Encoder
from components.captioning.encoder.precision import has_bfloat16
from components.captioning.encoder.spec import EncoderSpec
from components.errors import DataError, SettingError

SPEC = EncoderSpec("MobileNet", "random", 1, "0" * 64, 1024, 224, "float32")


def photos(count: int, size: int = 224) -> np.ndarray:
    """Returns images of coloured blocks, as different from each other as photos."""
    blocks = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    side = -(-size // 4)
    return blocks.repeat(side, axis=1).repeat(side, axis=2)[:, :size, :size]


def cosine_similarities(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return (first * second).sum(axis=1) / lengths


@pytest.fixture(scope="module")
def uncalibrated() -> Encoder:
    return Encoder.build("mobilenet", "random", seed=1, batch_size=4)


@pytest.fixture(scope="module")
def uncalibrated_features(uncalibrated: Encoder) -> np.ndarray:
    # Compiles the feature map, which calibration has to discard.
    uncalibrated.feature_map(photos(1))
    return uncalibrated.encode(photos(8))


@pytest.fixture(scope="module")
def encoder(uncalibrated: Encoder, uncalibrated_features: np.ndarray) -> Encoder:
    uncalibrated.calibrate(photos(8))
    return uncalibrated


@pytest.fixture(scope="module")
def saved(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("encoder")
    encoder.save(directory)
    return directory


@pytest.fixture
def bfloat16_encoder(saved: Path, tmp_path: Path) -> Path:
    """The same encoder in bfloat16."""
    shutil.copy(saved / ENCODER_WEIGHTS_FILE, tmp_path)
    replace(EncoderSpec.load(saved), precision="bfloat16").save(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def reference(saved: Path) -> keras.Model:
    model = keras.applications.MobileNet(include_top=False, weights=None, pooling="avg")
    model.load_weights(saved / ENCODER_WEIGHTS_FILE)
    return model


def test_build_records_the_spec(encoder: Encoder, saved: Path) -> None:
    spec = encoder.spec
    assert spec == replace(SPEC, sha256=spec.sha256)
    from_file = Encoder.build("MobileNet", str(saved / ENCODER_WEIGHTS_FILE)).spec
    assert from_file == replace(spec, weights="file", seed=None)


def test_build_of_an_unknown_network_suggests_similar_names() -> None:
    with pytest.raises(SettingError, match=r"encoder must name .*MobileNetV2.* Received: 'Mobile"):
        Encoder.build("MobileNetV9", "random")


def test_encode_agrees_with_keras(encoder: Encoder, reference: keras.Model) -> None:
    batch = photos(6)
    prepared = keras.applications.mobilenet.preprocess_input(batch.astype(np.float32))
    features = encoder.encode(batch)
    assert features.shape == (6, 1024)
    assert features.dtype == np.float32
    # Folded constants are rounded differently.
    np.testing.assert_allclose(features, reference.predict(prepared, verbose=0), atol=1e-4)


def test_encode_does_not_depend_on_the_batch(encoder: Encoder) -> None:
    batch = photos(6)
    np.testing.assert_allclose(encoder.encode(batch[5:]), encoder.encode(batch)[5:], atol=1e-6)


def test_encode_of_no_photos_is_empty(encoder: Encoder) -> None:
    assert encoder.encode(photos(0)).shape == (0, 1024)


def test_random_encoder_depends_on_seed_and_calibration_photos_alone(encoder: Encoder) -> None:
    again = Encoder.build("MobileNet", "random", seed=1)
    before = again.spec.sha256
    again.calibrate(photos(8))
    assert again.spec == encoder.spec
    assert again.spec.sha256 != before


def test_calibrate_makes_random_features_distinguish_photos(
    encoder: Encoder, uncalibrated_features: np.ndarray
) -> None:
    calibrated = encoder.encode(photos(8))
    # Correlations between the features of different photos.
    others = ~np.eye(8, dtype=bool)
    assert np.corrcoef(uncalibrated_features)[others].mean() > 0.95
    assert np.corrcoef(calibrated)[others].mean() < 0.2
    # No feature is constant.
    assert (uncalibrated_features.std(axis=0) < 1e-3).any()
    assert not (calibrated.std(axis=0) < 1e-3).any()


def test_calibrate_sets_statistics_layer_by_layer(encoder: Encoder, reference: keras.Model) -> None:
    # For the calibration photos, training and inference mode give the same result.
    batch = photos(8)
    prepared = keras.applications.mobilenet.preprocess_input(batch.astype(np.float32))
    np.testing.assert_allclose(
        encoder.encode(batch), reference(prepared, training=True).numpy(), atol=1e-3
    )


def test_calibrate_without_batch_normalization_changes_nothing() -> None:
    encoder = Encoder.build("VGG16", "random", seed=1)
    before = encoder.spec
    encoder.calibrate(photos(1))
    assert encoder.spec == before
    assert before.width == 512


def test_encoder_saved_and_loaded_gives_the_same_features(encoder: Encoder, saved: Path) -> None:
    loaded = Encoder.load(saved, batch_size=4)
    assert loaded.spec == encoder.spec
    assert np.array_equal(loaded.encode(photos(4)), encoder.encode(photos(4)))


@pytest.mark.skipif(not has_bfloat16(), reason="needs a processor with bfloat16")
def test_encode_in_bfloat16_does_not_affect_other_functions(
    encoder: Encoder, bfloat16_encoder: Path, reference: keras.Model
) -> None:
    batch = photos(6)
    graph = tf.function(lambda batch: reference(tf.cast(batch, tf.float32)))
    exact, other = encoder.encode(batch), graph(batch).numpy()
    rounded = Encoder.load(bfloat16_encoder, batch_size=4).encode(batch)
    assert rounded.dtype == np.float32
    assert not np.array_equal(rounded, exact)
    # Rounding errors accumulate in random weights; for pretrained ones see below.
    assert cosine_similarities(rounded, exact).min() > 0.98
    # A caption must not depend on the batch size.
    one_by_one = Encoder.load(bfloat16_encoder, batch_size=1)
    np.testing.assert_array_equal(one_by_one.encode(batch), rounded)
    # Other functions of the process, already traced or new, are not affected.
    np.testing.assert_array_equal(encoder.encode(batch), exact)
    np.testing.assert_array_equal(graph(batch).numpy(), other)
    new_graph = tf.function(lambda batch: reference(tf.cast(batch, tf.float32)))
    np.testing.assert_array_equal(new_graph(batch).numpy(), other)


def test_build_in_bfloat16_on_a_machine_without_it_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precision_module, "has_bfloat16", lambda: False)
    with pytest.raises(SettingError, match=r"must be float32 .* Received: bfloat16.* --precision"):
        Encoder.build("MobileNet", "random", precision="bfloat16")


def test_load_of_bfloat16_on_a_machine_without_it_computes_in_float32_and_warns(
    encoder: Encoder,
    bfloat16_encoder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(encoder_module, "has_bfloat16", lambda: False)
    with caplog.at_level(logging.INFO):
        loaded = Encoder.load(bfloat16_encoder, batch_size=4)
    [warning] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "bfloat16" in warning.getMessage() and "float32" in warning.getMessage()
    assert loaded.spec.precision == "bfloat16"
    np.testing.assert_array_equal(loaded.encode(photos(4)), encoder.encode(photos(4)))


def test_load_of_other_weights_names_both_checksums(
    encoder: Encoder, saved: Path, tmp_path: Path
) -> None:
    SPEC.save(tmp_path)
    shutil.copy(saved / ENCODER_WEIGHTS_FILE, tmp_path)
    with pytest.raises(
        DataError, match=rf"encoder.json names, 0{{64}}\. Received: {encoder.spec.sha256}"
    ):
        Encoder.load(tmp_path)


def test_feature_map_has_the_features_as_its_mean(encoder: Encoder) -> None:
    cells = encoder.feature_map(photos(5))
    assert cells is not None
    assert (cells.dtype, cells.shape) == (np.float32, (5, 7, 7, 1024))
    np.testing.assert_allclose(cells.mean(axis=(1, 2)), encoder.encode(photos(5)), atol=1e-5)


def test_feature_map_of_a_network_that_does_not_end_in_pooling_is_none() -> None:
    assert Encoder.build("ConvNeXtTiny", "random").feature_map(photos(1)) is None


def test_load_without_weights_names_the_file(tmp_path: Path) -> None:
    SPEC.save(tmp_path)
    with pytest.raises(DataError, match=r"There is nothing at this path.*encoder\.weights\.h5"):
        Encoder.load(tmp_path)
