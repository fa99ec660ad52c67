"""The inputs of an evaluation, read from its artifacts and validated before any work."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from components.artifacts.examples import ExampleShards
from components.artifacts.files import TRAINING_FILE
from components.artifacts.manifest import REPORT_FILE, ManifestPhotos, Photo
from components.captioning.decoding.search import DecodingConfig
from components.captioning.encoder.spec import EncoderSpec
from components.captioning.inference.bundle import Bundle
from components.captioning.model.caption_lengths import explain_long_captions
from components.errors import DataError
from components.evaluate.records import Data, Finding, Training
from components.settings.decoding import DecodingSettings

SPLIT = "test"

_Content = TypeVar("_Content", bound=BaseModel)


@dataclass(frozen=True)
class Inputs:
    """The inputs of an evaluation.

    Attributes:
        bundle: The model, with the decoding settings to score it with.
        encoder: The encoder of the features; the content of `encoder.json`.
        training: The record of the model's training.
        test: The test split.
        dev: The dev split, on which the confidence is fitted.
        photos: The photos of the test split, by image id.
        data: The description of the data.
    """

    bundle: Bundle
    encoder: dict[str, Any]
    training: Training
    test: ExampleShards
    dev: ExampleShards
    photos: dict[str, Photo]
    data: Data


def read_inputs(
    model: str | Path,
    examples: str | Path,
    manifest: str | Path,
    settings: DecodingSettings,
) -> Inputs:
    """Reads and validates the inputs; see `run.evaluate_model` for the arguments.

    Raises:
        DataError: If an artifact is incomplete or invalid, model and examples have different
            encoders, the test split is empty or lacks references, or the dev split is empty.
    """
    training = _read(Training, Path(model) / TRAINING_FILE)
    data = _with_long_captions(_read(Data, Path(manifest) / REPORT_FILE), training.max_words)
    test, dev = (ExampleShards(examples, split) for split in (SPLIT, "dev"))
    _require_references(test)
    decoding = DecodingConfig(
        beam_width=settings.beam_width,
        length_penalty=settings.length_penalty,
        max_words=training.max_words,
        reranking_weight=settings.reranking_weight,
        guidance_weight=settings.guidance_weight,
    )
    bundle = Bundle.load(model, decoding)
    return Inputs(
        bundle=bundle,
        encoder=asdict(_common_encoder(model, examples, bundle, test)),
        training=training,
        test=test,
        dev=dev,
        photos={
            photo.image_id: photo for photo in ManifestPhotos(manifest) if photo.split == SPLIT
        },
        data=data,
    )


def _with_long_captions(data: Data, max_words: int) -> Data:
    """Returns the description of the data with a finding on the captions that were truncated."""
    text = explain_long_captions(data.words.lengths, data.words.unspaced_share, max_words)
    found = [Finding(kind="long_captions", text=text)] if text else []
    return data.model_copy(update={"findings": [*data.findings, *found]})


def _require_references(test: ExampleShards) -> None:
    without = [
        image_id
        for block in test.blocks()
        for image_id, references in zip(block.image_ids, block.references, strict=True)
        if not references
    ]
    if without:
        raise DataError(
            "Every test photo must have at least one reference caption. Received: none for "
            f"{len(without)} photos, the first is {without[0]}. Run features again"
        )


def _common_encoder(
    model: str | Path, examples: str | Path, bundle: Bundle, test: ExampleShards
) -> EncoderSpec:
    of_model, of_examples = EncoderSpec.load(model), EncoderSpec.load(examples)
    model_width, examples_width = bundle.network.config.feature_width, test.width
    if (of_model.identity, model_width) != (of_examples.identity, examples_width):
        raise DataError(
            "Model and examples must have the same encoder. Received: a model for "
            f"{_summary(of_model, model_width)}, examples from "
            f"{_summary(of_examples, examples_width)}. Train on these examples, or evaluate on "
            "those that the model was trained on"
        )
    return of_examples


def _summary(encoder: EncoderSpec, width: int) -> str:
    return (
        f"{encoder.network} (weights {encoder.sha256[:12]}, {encoder.precision}, "
        f"{'multi-crop, ' if encoder.multi_crop else ''}{width} features per photo)"
    )


def _read(kind: type[_Content], path: Path) -> _Content:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path.parent} must hold {path.name}: {error}") from error
    except ValidationError as error:
        raise DataError(f"{path} must have the content that its step writes: {error}") from error
