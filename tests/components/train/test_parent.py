import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient

from components.artifacts.captions import VOCABULARY_FILE
from components.artifacts.examples import Examples
from components.artifacts.files import ENCODER_FILE, atomic_directory
from components.artifacts.training_photos import TrainingPhotos
from components.captioning.decoding.reranker_data import RerankerData
from components.captioning.encoder.spec import EncoderSpec
from components.captioning.inference.model_files import save_model
from components.captioning.model.ensemble import CaptionNetwork
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.errors import DataError, SettingError
from components.registry.client import local_tracking_uri
from components.registry.runs import start_run
from components.settings.train import TrainSettings
from components.train.parent import LoadedParent, continue_from, load_parent, require_encoder
from components.train.trainer import fit_network

WORDS = Vocabulary([*SPECIAL_TOKENS, "a", "red", "blue", "circle", "square"])
SPEC = EncoderSpec("InceptionV3", "random", 0, "0" * 64, 6, 299, "float32")

Settings = Callable[..., TrainSettings]


@pytest.fixture(scope="module")
def trained(
    train_examples: Examples,
    dev_examples: Examples,
    matrix: np.ndarray,
    make_settings: Settings,
    mlflow_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[CaptionNetwork, list[float]]:
    """A trained network, which no test changes, and its losses."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copy(mlflow_database, folder / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(folder))
        network, state = fit_network(
            train_examples, dev_examples, matrix, make_settings(),
            checkpoint=folder / "parent.npz", start_run=lambda: start_run("tests", "parent", {}),
        )  # fmt: skip
    return network, [epoch["dev_word_loss"] for epoch in state.history]


@pytest.fixture
def bundle(
    trained: tuple[CaptionNetwork, list[float]], train_examples: Examples, tmp_path: Path
) -> Path:
    with atomic_directory(tmp_path / "parent") as aside:
        data = RerankerData(train_examples.features, train_examples.references)
        save_model(trained[0], WORDS, data, aside)
        SPEC.save(aside)
        TrainingPhotos(frozenset({"0" * 64}), frozenset()).save(aside)
        (aside / "training.json").write_text(json.dumps({"mlflow_run_id": "the parent's run"}))
    return tmp_path / "parent"


def _reordered(examples: Examples, words: Vocabulary) -> Examples:
    tokens = [
        tuple(tuple(words.encode(WORDS.decode(ids))) for ids in captions)
        for captions in examples.tokens
    ]
    return replace(examples, tokens=tokens)


@pytest.mark.usefixtures("mlflow_root")
def test_training_from_a_parent_begins_below_a_fresh_start_with_other_word_ids(
    bundle: Path,
    trained: tuple[CaptionNetwork, list[float]],
    train_examples: Examples,
    dev_examples: Examples,
    make_settings: Settings,
    tmp_path: Path,
) -> None:
    # The same words with other ids, and one that the parent does not know.
    words = Vocabulary([*SPECIAL_TOKENS, "square", "dog", "circle", "blue", "red", "a"])
    settings = make_settings(start_from=str(bundle), epochs=1)
    parent = load_parent(settings, SPEC, tmp_path)
    assert parent is not None
    assert parent.lineage(words) == {
        "model": str(bundle),
        "mlflow_run_id": "the parent's run",
        "model_fingerprint": parent.fingerprint,
        "words_from_parent": 5,
        "new_words": 1,
    }
    run_id = start_run("tests", "child", {})
    fit_network(
        _reordered(train_examples, words), _reordered(dev_examples, words),
        np.zeros((len(words), 0), np.float32), settings,
        checkpoint=tmp_path / "child.npz", start_run=lambda: run_id,
        words=words.words, parent=parent,
    )  # fmt: skip
    losses = {m.step: m.value for m in MlflowClient().get_metric_history(run_id, "dev_word_loss")}
    fresh, best = trained[1][0], min(trained[1])
    # Before its first epoch: nearly what the parent ended with, and far below its first epoch.
    assert losses[0] < fresh
    assert losses[0] == pytest.approx(best, abs=0.25)
    assert losses[1] < fresh


def _load(bundle: Path, settings: TrainSettings, spec: EncoderSpec = SPEC) -> LoadedParent:
    parent = load_parent(settings, spec, bundle.parent)
    assert parent is not None
    return parent


def test_continue_from_maps_words_and_keeps_those_that_are_new(
    bundle: Path, trained: tuple[CaptionNetwork, list[float]], make_settings: Settings
) -> None:
    from components.captioning.model.ensemble import build_network

    old = trained[0]
    words = [*SPECIAL_TOKENS, "square", "dog"]
    network = build_network(replace(old.config, vocabulary_size=len(words)), seed=3)
    before = network.decoders[0].embedding.get_weights()[0]
    continue_from(network, words, _load(bundle, make_settings(start_from=str(bundle))))
    (old_decoder,), (decoder,) = old.decoders, network.decoders
    (known,), (embeddings,) = (each.embedding.get_weights() for each in (old_decoder, decoder))
    np.testing.assert_array_equal(embeddings[4], known[8])
    np.testing.assert_array_equal(embeddings[5], before[5])
    (old_kernel, old_bias), (kernel, bias) = (
        each.output_projection.get_weights() for each in (old_decoder, decoder)
    )
    np.testing.assert_array_equal(kernel[:, :5], old_kernel[:, [0, 1, 2, 3, 8]])
    np.testing.assert_allclose(kernel[:, 5], old_kernel[:, 4:].mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(bias[5], old_bias[4:].mean(), rtol=1e-5)
    for name in ("lstm", "start_hidden", "start_cell", "image_projection"):
        pairs = zip(
            getattr(old_decoder, name).get_weights(), getattr(decoder, name).get_weights(),
            strict=True,
        )  # fmt: skip
        for expected, found in pairs:
            np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(network.standardize.mean, old.standardize.mean)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"units": 16}, "units must be as in .*--units 8. Received: units 16"),
        ({"ensemble_size": 2, "decoder": "init_inject"}, "--decoder par_inject --ensemble-size 1"),
        ({"embedding_width": 7}, "--embedding-width 4"),
    ],
)
def test_load_parent_of_other_shapes_is_refused_by_name(
    bundle: Path, make_settings: Settings, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        load_parent(make_settings(start_from=str(bundle), **changed), SPEC, bundle.parent)


def test_load_parent_with_another_encoder_is_refused(bundle: Path, make_settings: Settings) -> None:
    other = replace(SPEC, weights="imagenet", seed=None, sha256="1" * 64)
    with pytest.raises(SettingError, match=r"random weights 0000.*Received: .*imagenet weights 11"):
        load_parent(make_settings(start_from=str(bundle)), other, bundle.parent)


@pytest.mark.parametrize(
    ("parent", "own", "flag"),
    [("float32", "bfloat16", "float32"), ("bfloat16", "float32", "mixed")],
)
def test_require_encoder_of_another_precision_names_the_setting(
    parent: Any, own: Any, flag: str
) -> None:
    specs = (replace(SPEC, precision=each) for each in (parent, own))
    message = rf"precision must be .*models:/a/1.*{parent}.*--precision {flag}"
    with pytest.raises(SettingError, match=message):
        require_encoder(*specs, "models:/a/1")


@pytest.mark.parametrize(("parent", "flag"), [(True, "--multi-crop"), (False, "--no-multi-crop")])
def test_require_encoder_with_other_crops_names_the_setting(parent: bool, flag: str) -> None:
    specs = (replace(SPEC, multi_crop=each) for each in (parent, not parent))
    message = rf"multi_crop must be .*models:/a/1.* set {flag}\. Received: multi_crop {not parent}"
    with pytest.raises(SettingError, match=message):
        require_encoder(*specs, "models:/a/1")


def test_load_parent_that_is_missing_or_damaged(
    bundle: Path, make_settings: Settings, tmp_path: Path
) -> None:
    assert load_parent(make_settings(), SPEC, tmp_path) is None
    with pytest.raises(DataError, match="There is nothing at this path"):
        load_parent(make_settings(start_from=str(tmp_path / "nowhere")), SPEC, tmp_path)
    (bundle / VOCABULARY_FILE).unlink()
    with pytest.raises(DataError, match=f"{VOCABULARY_FILE} is missing"):
        load_parent(make_settings(start_from=str(bundle)), SPEC, tmp_path)
    assert (bundle / ENCODER_FILE).exists()
