"""The encoder spec: everything that determines an encoder's features."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from components.artifacts.files import ENCODER_FILE, write_json
from components.captioning.encoder.onnx.image_processor import ImageProcessor
from components.captioning.encoder.precision import Precision
from components.errors import DataError

ONNX: Literal["onnx"] = "onnx"


@dataclass(frozen=True, slots=True)
class OnnxSpec:
    """The additional properties of an encoder from an ONNX file.

    Attributes:
        output: Name of the output that is the feature.
        image_processor: The preprocessing.
    """

    output: Annotated[str, Field(min_length=1, max_length=1000)]
    image_processor: ImageProcessor


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """Identifies an encoder; stored as `encoder.json`.

    Attributes:
        network: A network of keras.applications, as Keras spells it, or the name of the folder that
            an ONNX model came from.
        weights: Where the weights came from.
        seed: Seed of random weights, else None.
        sha256: SHA-256 of the weights, 64 hex digits, see `weights.weights_sha256`; of an ONNX
            model also of its preprocessing and its output.
        width: Features per photo.
        size: Height and width of the input, in pixels.
        precision: Computation dtype.
        multi_crop: Whether a feature is the mean of several views, see `multi_crop`.
        onnx: Output and preprocessing of an ONNX model, else None.
    """

    network: Annotated[str, Field(pattern=r"^[\w.-]{1,100}$")]
    weights: Literal["imagenet", "random", "file", "onnx"]
    seed: int | None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    width: Annotated[int, Field(gt=0)]
    size: Annotated[int, Field(gt=0)]
    precision: Precision
    multi_crop: bool = False
    onnx: OnnxSpec | None = None

    def __post_init__(self) -> None:
        """Raises ValueError if only one of `weights` and `onnx` says that it is an ONNX model."""
        if (self.weights == ONNX) != (self.onnx is not None):
            raise ValueError(f"weights must be {ONNX!r} if and only if onnx is given")

    @property
    def identity(self) -> tuple[str, Precision, bool]:
        """Equal for encoders whose features are comparable."""
        return self.sha256, self.precision, self.multi_crop

    @classmethod
    def load(cls, directory: str | Path) -> "EncoderSpec":
        """Reads the `encoder.json` of a directory.

        Raises:
            DataError: If the file is missing or invalid.
        """
        path = Path(directory) / ENCODER_FILE
        try:
            return TypeAdapter(cls).validate_json(path.read_bytes(), strict=True)
        except OSError as error:
            raise DataError(f"{path} must be readable: {error}") from error
        except ValidationError as error:
            raise DataError(f"{path} must be a valid encoder spec: {error}") from error

    def save(self, directory: str | Path) -> None:
        """Writes `encoder.json` into a directory."""
        values = asdict(self)
        if self.onnx is None:
            del values["onnx"]
        write_json(Path(directory) / ENCODER_FILE, values)
