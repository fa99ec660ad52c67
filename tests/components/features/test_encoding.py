import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from apache_beam.utils.shared import Shared

from components.artifacts.captions import read_captions
from components.artifacts.manifest import read_manifest
from components.captioning.encoder import precision
from components.captioning.encoder.encoder import Encoder
from components.captioning.encoder.spec import EncoderSpec
from components.errors import DataError, SettingError
from components.features.encoding import EncodeImages, require_finite
from components.features.shards import read_feature_shard
from components.features.store import FeatureStore
from components.features.tasks import PhotoFile, plan_tasks, read_photo


@pytest.fixture
def tasks(data_set: Any) -> list[PhotoFile]:
    tasks = plan_tasks(read_manifest(data_set.manifest), read_captions(data_set.captions))
    return [PhotoFile(task.image_id, task.path, task.sha256) for task in tasks]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("encoder")
    Encoder.build("MobileNetV3Small", "random").save(directory)
    return directory


def test_encode_images_keeps_batches_in_order(
    tasks: list[PhotoFile], encoder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    step = EncodeImages(encoder, Shared(), FeatureStore("", tmp_path), batch_size=2, total=5)
    step.setup()
    step.start_bundle()
    with caplog.at_level(logging.INFO):
        [name] = step.process(tasks)
    step.teardown()
    photos, features = read_feature_shard(tmp_path / name)
    assert photos == [task.sha256 for task in tasks]
    # All in one batch instead.
    direct = Encoder.load(encoder, batch_size=5)
    expected = direct.encode(np.stack([read_photo(t, direct.load_photo) for t in tasks]))
    np.testing.assert_allclose(features, expected, rtol=2e-3, atol=1e-6)
    assert len(np.unique(features.sum(axis=1, dtype=np.float32))) == 5
    assert "5 of 5 photos, " in caplog.text


def test_encode_images_of_workers_that_share_nothing_takes_the_encoder_from_the_store(
    tasks: list[PhotoFile], encoder: Path, store: Any, tmp_path: Path
) -> None:
    features = FeatureStore(f"{store.uri}/features", tmp_path / "scratch")
    features.scratch.mkdir()
    features.save_encoder(encoder)
    # Neither the encoder's directory nor the scratch folder exists on the worker.
    features = replace(features, scratch=tmp_path / "gone")
    step = EncodeImages(
        tmp_path / "gone", Shared(), features, batch_size=2, total=5, folder=f"{store.uri}/temp"
    )
    step.setup()
    step.start_bundle()
    [name] = step.process(tasks)
    assert f"features/{name}" in store.content()
    # An engine that repeats the list after its worker died encodes nothing again.
    step.model = None
    assert list(step.process(tasks)) == []
    step.teardown()
    (tmp_path / "fetched").mkdir()
    fetched = replace(features, scratch=tmp_path / "fetched")
    fetched.fetch()
    assert fetched.index().keys() == {task.sha256 for task in tasks}


def test_encode_images_without_an_encoder_in_the_store_is_refused(
    store: Any, tmp_path: Path
) -> None:
    features = FeatureStore(f"{store.uri}/features", tmp_path)
    step = EncodeImages(tmp_path, Shared(), features, 2, 5, folder=f"{store.uri}/temp")
    with pytest.raises(DataError, match=rf"must have an encoder: {store.uri}/features"):
        step.setup()
        step.start_bundle()


def test_encode_images_in_bfloat16_on_a_machine_without_it_is_refused(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(EncoderSpec.load(encoder), precision="bfloat16").save(tmp_path)
    monkeypatch.setattr(precision, "has_bfloat16", lambda: False)
    step = EncodeImages(tmp_path, Shared(), FeatureStore("", tmp_path), batch_size=2, total=5)
    with pytest.raises(SettingError, match=r"must be float32 .* Received: bfloat16.* --precision"):
        step.setup()
        step.start_bundle()


def test_require_finite_names_the_first_photo_that_is_not(tasks: list[PhotoFile]) -> None:
    require_finite(tasks, np.ones(5, np.bool_))
    with pytest.raises(DataError, match=r"finite in float16, .* photo 2.png are not: check"):
        require_finite(tasks, np.array([True, True, False, True, False]))
