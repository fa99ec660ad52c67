"""What an evaluation needs, read from four artifacts and checked before any work."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AliasPath, BaseModel, Field, ValidationError

from components.artifacts.examples import Examples, read_examples
from components.artifacts.files import TRAINING_FILE
from components.artifacts.manifest import REPORT_FILE, Photo, read_manifest
from components.captioning.encoder.spec import EncoderSpec
from components.captioning.inference.bundle import Bundle
from components.errors import DataError
from components.settings.decoding import DecodingSettings

SPLIT = "test"

_Facts = TypeVar("_Facts", bound=BaseModel)
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Epoch(BaseModel):
    """An epoch's figures, as `train` notes them; losses are in nats a word."""

    word_loss: float
    dev_word_loss: float
    learning_rate: float
    seconds: float


class Training(BaseModel):
    """What `train` notes beside a bundle, in `training.json`.

    Attributes:
        mlflow_run_id: The run that its figures went to.
        best_epoch: The epoch whose weights the bundle holds, counted from 1.
        settings: How it was trained.
        history: All epochs.
    """

    mlflow_run_id: str
    best_epoch: int
    settings: dict[str, Any]
    history: Annotated[list[Epoch], Field(min_length=1)]


class Data(BaseModel):
    """What the manifest's report says of the data.

    Attributes:
        dataset_fingerprint: Of all photos.
        test_fingerprint: Of those of test.
        near_duplicates: Pairs of photos that look alike, one in train, one in dev or test.
    """

    dataset_fingerprint: _Sha256
    test_fingerprint: _Sha256
    near_duplicates: Annotated[int, Field(validation_alias=AliasPath("counts", "near_duplicates"))]


@dataclass(frozen=True)
class Inputs:
    """All that is scored and shown.

    Attributes:
        bundle: The model, with the decoding settings that are asked for.
        encoder: What made the features; the content of `encoder.json`.
        training: How the model was trained.
        examples: The test split.
        photos: All photos of the manifest by image id.
        data: What they are.
    """

    bundle: Bundle
    encoder: dict[str, Any]
    training: Training
    examples: Examples
    photos: dict[str, Photo]
    data: Data


def read_inputs(
    model: str | Path,
    examples: str | Path,
    manifest: str | Path,
    settings: DecodingSettings,
) -> Inputs:
    """Reads and checks what an evaluation needs; see `run.evaluate_model` for the arguments.

    Raises:
        DataError: If an artifact is not whole, model and examples are of different encoders, or
            the test split is empty or lacks references.
    """
    training = _read(Training, Path(model) / TRAINING_FILE)
    data = _read(Data, Path(manifest) / REPORT_FILE)
    test = read_examples(examples, SPLIT)
    _require_references(test)
    bundle = Bundle.load(model)
    bundle.decoding = replace(
        bundle.decoding,
        beam_width=settings.beam_width,
        length_penalty=settings.length_penalty,
        reranking_weight=settings.reranking_weight,
    )
    return Inputs(
        bundle=bundle,
        encoder=asdict(_common_encoder(model, examples, bundle, test)),
        training=training,
        examples=test,
        photos={photo.image_id: photo for photo in read_manifest(manifest)},
        data=data,
    )


def _require_references(examples: Examples) -> None:
    without = [
        image_id
        for image_id, references in zip(examples.image_ids, examples.references, strict=True)
        if not references
    ]
    if without:
        raise DataError(
            "Every test photo must have at least one reference caption, make the examples anew. "
            f"Received: none for {len(without)} photos, the first is {without[0]}"
        )


def _common_encoder(
    model: str | Path, examples: str | Path, bundle: Bundle, test: Examples
) -> EncoderSpec:
    theirs, ours = EncoderSpec.load(model), EncoderSpec.load(examples)
    takes, has = bundle.network.config.feature_width, test.features.shape[1]
    if (theirs.sha256, theirs.precision, takes) != (ours.sha256, ours.precision, has):
        raise DataError(
            "Model and examples must be of the same encoder, and these are of different ones: "
            "train on these examples, or evaluate on those that the model was trained on. "
            f"Received: a model for {_in_words(theirs, takes)}, examples of {_in_words(ours, has)}"
        )
    return ours


def _in_words(encoder: EncoderSpec, width: int) -> str:
    return (
        f"{encoder.network} (weights {encoder.sha256[:12]}, {encoder.precision}, "
        f"features {width} wide)"
    )


def _read(kind: type[_Facts], path: Path) -> _Facts:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path.parent} must hold {path.name}: {error}") from error
    except ValidationError as error:
        raise DataError(f"{path} must hold what its step writes there: {error}") from error
