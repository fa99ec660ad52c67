"""The encoder spec: everything that determines an encoder's features."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from components.artifacts.examples import ENCODER_FILE
from components.artifacts.files import write_json
from components.captioning.encoder.precision import Precision
from components.errors import DataError


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """Identifies an encoder; stored as `encoder.json`.

    Attributes:
        network: A network of keras.applications, as Keras spells it.
        weights: Where the weights came from.
        seed: Seed of random weights, else None.
        sha256: SHA-256 of the weights, 64 hex digits, see `weights.weights_sha256`.
        width: Features per photo.
        size: Height and width of the input, in pixels.
        precision: Computation dtype.
    """

    network: str
    weights: Literal["imagenet", "random", "file"]
    seed: int | None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    width: Annotated[int, Field(gt=0)]
    size: Annotated[int, Field(gt=0)]
    precision: Precision

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
        write_json(Path(directory) / ENCODER_FILE, asdict(self))
