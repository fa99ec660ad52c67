import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from kfp.dsl import Dataset

from components.artifacts.captions import CaptionedPhoto, write_captions
from components.artifacts.examples import read_examples
from components.artifacts.files import ENCODER_WEIGHTS_FILE
from components.artifacts.fingerprint import fingerprint_file
from components.artifacts.manifest import Photo, read_manifest, write_manifest
from components.captioning.encoder.backbones import Backbone
from components.captioning.encoder.images import load_photo
from components.captioning.encoder.precision import has_bfloat16
from components.captioning.model.normalizer import Normalizer
from components.errors import DataError
from components.features.component import features as features_component
from components.features.extraction import extract_features
from components.settings.encoder import EncoderSettings

SETTINGS: dict[str, Any] = {
    "encoder": "MobileNet",
    "encoder_output": "",
    "encoder_weights": "random",
    "encoder_batch": 32,
    "seed": 1,
    "precision": "float32",
    "multi_crop": False,
    "beam_flags": "",
    "store": "",
}


def _checked(settings: dict[str, Any]) -> EncoderSettings:
    return EncoderSettings.check(settings)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, make_data_set: Any) -> tuple[Any, Path, dict]:
    """A run of the step with a store: the data set, the examples and the metadata."""
    root = tmp_path_factory.mktemp("features")
    data_set = make_data_set(root)
    settings = {**SETTINGS, "store": str(root / "store")}
    facts = extract_features(
        data_set.manifest, data_set.captions, root / "examples", EncoderSettings(**settings)
    )
    return data_set, root / "examples", facts


def test_extract_features_writes_shards_by_split_and_the_encoder(run: Any) -> None:
    _, examples, facts = run
    assert sorted(path.name for path in examples.iterdir()) == [
        "SHA256SUMS",
        "dev-00000-of-00001.tfrecord",
        "encoder.json",
        "encoder.weights.h5",
        "normalizer.json",
        "test-00000-of-00001.tfrecord",
        "train-00000-of-00001.tfrecord",
        "training_photos.npy",
    ]
    # The one of the captions artifact.
    assert Normalizer.load(examples) == Normalizer((("lower",),))
    identity = json.loads((examples / "encoder.json").read_text())
    assert facts == {
        "photos": 5,
        "train_photos": 3,
        "dev_photos": 1,
        "test_photos": 1,
        "encoded_photos": 5,
        "encoder_network": "MobileNet",
        "encoder_weights": "random",
        "encoder_sha256": identity["sha256"],
        "encoder_precision": "float32",
        "encoder_multi_crop": False,
        "width": 1024,
    }


def test_extract_features_equals_a_forward_pass_of_keras(run: Any) -> None:
    data_set, examples, _ = run
    read = {split: read_examples(examples, split) for split in ("train", "dev", "test")}
    assert [photos.image_ids for photos in read.values()] == [
        ["0.png", "1.png", "2.png"],
        ["3.png"],
        ["4.png"],
    ]
    features = np.concatenate([photos.features for photos in read.values()])
    photos = [load_photo(photo.uri, 224) for photo in read_manifest(data_set.manifest)[:5]]
    model = keras.applications.MobileNet(include_top=False, weights=None, pooling="avg")
    model.load_weights(examples / ENCODER_WEIGHTS_FILE)
    prepared = keras.applications.mobilenet.preprocess_input(np.stack(photos).astype(np.float32))
    direct = model.predict(prepared, verbose=0)
    # Features are between 0 and 6; float16 has steps of 1/256 from 4 on.
    np.testing.assert_allclose(features, direct, atol=4e-3)
    for ours, theirs in zip(features.astype(np.float64), direct, strict=True):
        assert ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs) > 0.99999


def test_extract_features_keeps_all_captions(run: Any) -> None:
    _, examples, _ = run
    dev = read_examples(examples, "dev")
    assert dev.references == [("dog 3", "a dog")]
    assert dev.tokens == [((4, 3), (3, 4))]


def test_extract_features_calibrates_random_weights(run: Any) -> None:
    _, examples, _ = run
    train = read_examples(examples, "train").features.astype(np.float32)
    # Correlation of the features of two photos; 0.98 without calibration.
    assert np.corrcoef(train)[np.triu_indices(3, 1)].max() < 0.85


def test_component_writes_the_same_bytes_and_sets_metadata(run: Any) -> None:
    data_set, examples, facts = run
    again = Dataset(uri=str(examples.with_name("again")))
    features_component.python_func(
        manifest=Dataset(uri=str(data_set.manifest)),
        captions=Dataset(uri=str(data_set.captions)),
        examples=again,
        **SETTINGS,
    )
    assert again.metadata == facts  # Without a store it encodes all photos again.
    # Not the weights file: Keras numbers its layers' names on within a process.
    files = [path for path in examples.iterdir() if path.suffix in (".tfrecord", ".json")]
    assert len(files) == 5
    for path in files:
        assert (Path(again.path) / path.name).read_bytes() == path.read_bytes()


def test_extract_features_of_a_changed_photo_names_it_and_writes_nothing(
    run: Any, data_set: Any
) -> None:
    settings = {**SETTINGS, "encoder_weights": str(run[1] / ENCODER_WEIGHTS_FILE)}
    photo = read_manifest(data_set.manifest)[4]
    Path(photo.uri).write_bytes(b"something else")
    output = data_set.manifest.with_name("examples")
    with pytest.raises(DataError, match=r"Photo 4.png must not change after ingest.*ingest again$"):
        extract_features(data_set.manifest, data_set.captions, output, _checked(settings))
    assert not output.exists()


def test_extract_features_found_in_the_store_loads_no_network_and_reads_no_photo(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_set, examples, facts = run

    def build(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Backbone, "build", build)
    # Renamed, missing and in other splits: only the photos' content counts.
    photos = read_manifest(data_set.manifest)
    splits = ("test", "dev", "train", "train", "train", "train")
    moved = [
        Photo(
            f"new {photo.image_id}", f"/gone/{photo.image_id}", photo.sha256, 40, 30, split, ("A",)
        )
        for photo, split in zip(photos, splits, strict=True)
    ]
    (tmp_path / "manifest").mkdir()
    (tmp_path / "captions").mkdir()
    write_manifest(tmp_path / "manifest", moved)
    captioned = [CaptionedPhoto(p.image_id, p.split, ("a",), ((4,),)) for p in moved[:5]]
    write_captions(tmp_path / "captions", captioned)
    Normalizer((("lower",),)).save(tmp_path / "captions")
    again = extract_features(
        tmp_path / "manifest",
        tmp_path / "captions",
        tmp_path / "examples",
        EncoderSettings(**{**SETTINGS, "store": str(examples.with_name("store"))}),
    )
    assert again == {
        **facts, "encoded_photos": 0, "train_photos": 3, "dev_photos": 1, "test_photos": 1,
    }  # fmt: skip
    train, test = (read_examples(tmp_path / "examples", name) for name in ("train", "test"))
    assert train.image_ids == ["new 2.png", "new 3.png", "new 4.png"]
    old = [read_examples(examples, split).features for split in ("train", "dev", "test")]
    np.testing.assert_array_equal(train.features, np.concatenate([old[0][2:], old[1], old[2]]))
    np.testing.assert_array_equal(test.features, old[0][:1])
    for name in ("encoder.json", ENCODER_WEIGHTS_FILE):
        assert fingerprint_file(tmp_path / "examples" / name) == fingerprint_file(examples / name)
    assert not list((tmp_path / "examples").glob(".*"))


@pytest.mark.skipif(not has_bfloat16(), reason="needs a processor with bfloat16")
def test_extract_features_in_bfloat16_does_not_reuse_float32_features(
    run: Any, tmp_path: Path
) -> None:
    data_set, examples, facts = run
    store = examples.with_name("store")
    settings = {**SETTINGS, "store": str(store), "precision": "mixed"}
    first, again = (
        extract_features(
            data_set.manifest, data_set.captions, tmp_path / name, EncoderSettings(**settings)
        )
        for name in ("examples", "again")
    )
    # The weights are the same, and so is their checksum.
    assert first == {**facts, "encoder_precision": "bfloat16"}
    assert again == {**first, "encoded_photos": 0}
    exact, rounded = (
        read_examples(each, "train").features for each in (examples, tmp_path / "again")
    )
    assert not np.array_equal(exact, rounded)
    for one, other in zip(exact.astype(np.float64), rounded.astype(np.float64), strict=True):
        # With random weights rounding errors accumulate.
        assert one @ other / np.linalg.norm(one) / np.linalg.norm(other) > 0.98
