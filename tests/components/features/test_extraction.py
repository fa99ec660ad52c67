import json
import logging
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from kfp.dsl import Dataset

from components.captioning.encoder import ENCODER_WEIGHTS_FILE
from components.captioning.photos import load_photo
from components.features.component import features as features_component
from components.features.extraction import extract_features
from components.features.inference import EncoderHandler, check_features
from components.features.tasks import plan_tasks
from components.platform.captions import read_captions
from components.platform.errors import DataError, SettingError
from components.platform.manifest import read_manifest
from components.platform.records import read_examples

SETTINGS: dict[str, Any] = {
    "encoder": "MobileNetV2",
    "encoder_weights": "random",
    "encoder_batch": 32,
    "seed": 1,
    "beam_flags": "",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, make_data_set: Any) -> tuple[Any, Path, dict]:
    """One run of the step: the data set, the examples and the facts."""
    root = tmp_path_factory.mktemp("features")
    data_set = make_data_set(root)
    facts = extract_features(data_set.manifest, data_set.captions, root / "examples", **SETTINGS)
    return data_set, root / "examples", facts


def test_extract_features_writes_shards_by_split_and_the_encoder(run: Any) -> None:
    _, examples, facts = run
    assert sorted(path.name for path in examples.iterdir()) == [
        "dev-00000-of-00001.tfrecord",
        "encoder.json",
        "encoder.weights.h5",
        "test-00000-of-00001.tfrecord",
        "train-00000-of-00001.tfrecord",
    ]
    identity = json.loads((examples / "encoder.json").read_text())
    assert facts == {
        "photos": 5,
        "train_photos": 3,
        "dev_photos": 1,
        "test_photos": 1,
        "encoder_network": "MobileNetV2",
        "encoder_weights": "random",
        "encoder_sha256": identity["sha256"],
        "width": 1280,
    }


def test_extract_features_are_a_forward_pass_of_keras(run: Any) -> None:
    data_set, examples, _ = run
    read = {split: read_examples(examples, split) for split in ("train", "dev", "test")}
    assert [photos.image_ids for photos in read.values()] == [
        ["0.png", "1.png", "2.png"],
        ["3.png"],
        ["4.png"],
    ]
    features = np.concatenate([photos.features for photos in read.values()])
    photos = [load_photo(photo.uri, 224) for photo in read_manifest(data_set.manifest)[:5]]
    model = keras.applications.MobileNetV2(include_top=False, weights=None, pooling="avg")
    model.load_weights(examples / ENCODER_WEIGHTS_FILE)
    prepared = keras.applications.mobilenet_v2.preprocess_input(np.stack(photos).astype(np.float32))
    direct = model.predict(prepared, verbose=0)
    # Features lie between 0 and 6: half precision has steps of 1/256 from 4 on.
    np.testing.assert_allclose(features, direct, atol=4e-3)
    for ours, theirs in zip(features.astype(np.float64), direct, strict=True):
        assert ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs) > 0.99999


def test_extract_features_keeps_all_captions(run: Any) -> None:
    _, examples, _ = run
    dev = read_examples(examples, "dev")
    assert dev.references == [("dog 3", "a dog")]
    assert dev.tokens == [((4, 3), (3, 4))]


def test_extract_features_calibrates_random_weights_on_train_photos(run: Any) -> None:
    _, examples, _ = run
    train = read_examples(examples, "train").features.astype(np.float32)
    # Correlations of one photo's features with another's; 0.98 without calibration.
    assert np.corrcoef(train)[np.triu_indices(3, 1)].max() < 0.5


def test_handler_encodes_in_batches_in_order(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    data_set, examples, _ = run
    tasks = plan_tasks(read_manifest(data_set.manifest), read_captions(data_set.captions))
    handler = EncoderHandler(examples, batch_size=2, total=20)
    with caplog.at_level(logging.INFO):
        results = list(handler.run_inference(tasks, handler.load_model()))
    assert [result.example for result in results] == tasks
    features = [result.inference for result in results[:3]]
    # The run computed them in another batch.
    np.testing.assert_allclose(features, read_examples(examples, "train").features, atol=4e-3)
    assert "features 5/20, " in caplog.text


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_check_features_names_the_photo_whose_are_no_numbers(data_set: Any, odd: float) -> None:
    tasks = plan_tasks(read_manifest(data_set.manifest), read_captions(data_set.captions))
    features = np.zeros((5, 3), np.float16)
    check_features(tasks, features)
    features[2, 1] = odd
    with pytest.raises(DataError, match=r"within float16, .* not for photo 2.png: check"):
        check_features(tasks, features)


def test_component_writes_the_same_bytes_and_sets_metadata(run: Any) -> None:
    data_set, examples, facts = run
    again = Dataset(uri=str(examples.with_name("again")))
    features_component.python_func(
        manifest=Dataset(uri=str(data_set.manifest)),
        captions=Dataset(uri=str(data_set.captions)),
        examples=again,
        origin="",
        **SETTINGS,
    )
    assert again.metadata == facts
    # Of the weights' file the bytes differ within a process: Keras counts its layers' names on.
    files = [path for path in examples.iterdir() if path.suffix in (".tfrecord", ".json")]
    assert len(files) == 4
    for path in files:
        assert (Path(again.path) / path.name).read_bytes() == path.read_bytes()


def test_extract_features_of_a_changed_photo_names_it_and_writes_nothing(data_set: Any) -> None:
    photo = read_manifest(data_set.manifest)[4]
    Path(photo.uri).write_bytes(b"something else")
    output = data_set.manifest.with_name("examples")
    with pytest.raises(DataError, match=r"Photo 4.png must be as ingest found it.*ingest again$"):
        extract_features(data_set.manifest, data_set.captions, output, **SETTINGS)
    assert not output.exists()


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("encoder_batch", 31, "encoder_batch must be at least 32. Received: 31"),
        ("encoder", "MobileNetV7", "encoder must name .*MobileNetV2.* Received: 'MobileNetV7'"),
        ("encoder_weights", "ftp://host/w.h5", "must be local or begin with gs://"),
    ],
)
def test_extract_features_with_a_wrong_setting_names_rule_and_value(
    data_set: Any, setting: str, value: object, message: str
) -> None:
    output = data_set.manifest.with_name("examples")
    settings = {**SETTINGS, setting: value}
    with pytest.raises(SettingError, match=message):
        extract_features(data_set.manifest, data_set.captions, output, **settings)
    assert not output.exists()


def test_extract_features_with_a_wrong_weights_file_names_it(data_set: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.weights.h5").write_bytes(b"no weights")
    settings = {**SETTINGS, "encoder_weights": str(tmp_path / "mine.weights.h5")}
    with pytest.raises(DataError, match=r"weights of MobileNetV2, and .*mine.weights.h5 does not"):
        extract_features(data_set.manifest, data_set.captions, tmp_path / "examples", **settings)
