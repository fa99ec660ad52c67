import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.captioning.decoding.search import DecodingConfig
from components.errors import DataError
from components.evaluate.inputs import Inputs, read_inputs
from components.settings.decoding import DecodingSettings


def _read(artifacts: Any) -> Inputs:
    settings = DecodingSettings(beam_width=2, length_penalty=0.5, reranking_weight=0.25)
    return read_inputs(artifacts.model, artifacts.examples, artifacts.manifest, settings)


def test_read_inputs_takes_max_words_from_training_and_the_rest_from_settings(
    artifacts: Any,
) -> None:
    assert _read(artifacts).bundle.decoding == DecodingConfig(2, 0.5, 3, reranking_weight=0.25)


def test_read_inputs_reads_all_artifacts(artifacts: Any) -> None:
    inputs = _read(artifacts)
    assert [block.image_ids for block in inputs.test.blocks()] == [["1.png", "2.png"]]
    encoder = json.loads((artifacts.examples / "encoder.json").read_text())
    assert inputs.encoder == {**encoder, "onnx": None}
    assert inputs.photos["2.png"].uri == str(artifacts.manifest / "photos" / "2.png")
    assert inputs.data.test_fingerprint == "f" * 64
    assert inputs.data.near_duplicates == 3
    assert [epoch.dev_word_loss for epoch in inputs.training.history] == [2.5, 2.25]


def test_read_inputs_reports_captions_that_training_truncated(artifacts: Any) -> None:
    assert _read(artifacts).data.findings == []
    # max_words is 3.
    _rewrite(
        artifacts.manifest / "report.json",
        words={"lengths": [0, 0, 0, 0, 5], "unspaced_share": 0.9},
    )
    (finding,) = _read(artifacts).data.findings
    assert finding.kind == "long_captions"
    for fact in ("100% of the captions (5)", "3 characters", "--max-words 4"):
        assert fact in finding.text


def test_read_inputs_empty_test_split_is_refused(artifacts: Any) -> None:
    next(artifacts.examples.glob("test-*")).write_bytes(b"")
    with pytest.raises(DataError, match="Split 'test' has no examples"):
        _read(artifacts)


def test_read_inputs_of_a_photo_without_reference_is_refused(
    write_examples: Callable[..., Path], artifacts: Any
) -> None:
    for path in artifacts.examples.iterdir():
        path.unlink()
    artifacts.examples.rmdir()
    write_examples({"1.png": ["a dog"], "2.png": [], "3.png": []})
    with pytest.raises(DataError, match=r"none for 2 photos, the first is 2\.png"):
        _read(artifacts)


def _rewrite(path: Path, **facts: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        # As wide, but of other weights: captions would be nonsense without a word of warning.
        (
            {"network": "Xception", "sha256": "c" * 64},
            r"Xception \(weights cccccccccccc, float32, 5 features per photo\)",
        ),
        # Similar, but its captions would not be those that were scored.
        (
            {"precision": "bfloat16"},
            r"InceptionV3 \(weights eeeeeeeeeeee, bfloat16, 5 features per photo\)",
        ),
        (
            {"multi_crop": True},
            r"InceptionV3 \(weights eeeeeeeeeeee, float32, multi-crop, 5 features per photo\)",
        ),
    ],
)
def test_read_inputs_features_of_another_encoder_are_refused(
    change: dict[str, Any], expected: str, artifacts: Any
) -> None:
    _rewrite(artifacts.examples / "encoder.json", **change)
    message = (
        r"must have the same encoder\. Received: a model for InceptionV3 \(weights eeeeeeeeeeee, "
        rf"float32, 5 features per photo\), examples from {expected}"
    )
    with pytest.raises(DataError, match=message):
        _read(artifacts)


def test_read_inputs_features_of_another_width_are_refused(
    write_model: Callable[..., Path], artifacts: Any
) -> None:
    for path in artifacts.model.iterdir():
        path.unlink()
    artifacts.model.rmdir()
    write_model(width=6)
    with pytest.raises(
        DataError, match=r"the same encoder.* 6 features per photo\), .* 5 features per photo\)"
    ):
        _read(artifacts)


@pytest.mark.parametrize(
    ("artifact", "name"),
    [("model", "training.json"), ("model", "encoder.json"), ("manifest", "report.json")],
)
def test_read_inputs_of_a_missing_file_names_it(artifact: str, name: str, artifacts: Any) -> None:
    (getattr(artifacts, artifact) / name).unlink()
    with pytest.raises(DataError, match=name):
        _read(artifacts)


@pytest.mark.parametrize(
    ("artifact", "name", "change"),
    [
        ("model", "training.json", {"history": []}),
        ("model", "training.json", {"best_epoch": "last"}),
        ("model", "training.json", {"settings": {"max_words": 0}}),
        ("manifest", "report.json", {"test_fingerprint": "short"}),
    ],
)
def test_read_inputs_of_an_invalid_file_names_it(
    artifact: str, name: str, change: dict[str, Any], artifacts: Any
) -> None:
    _rewrite(getattr(artifacts, artifact) / name, **change)
    with pytest.raises(
        DataError, match=rf"(?s){name} must have the content .*{next(iter(change))}"
    ):
        _read(artifacts)
