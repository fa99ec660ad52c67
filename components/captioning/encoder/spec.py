"""What an encoder is: the facts that tell one encoder's features from another's."""

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
    """What tells two encoders apart; `encoder.json`.

    Attributes:
        network: A network of keras.applications, as Keras spells it.
        weights: Where the weights came from.
        seed: Of random weights, else None.
        sha256: Of the weights, 64 hex digits, see `weights.weights_sha256`.
        width: Numbers in a feature.
        size: Height and width of the photos it takes, in pixels.
        precision: What its features were computed in. Files of before say nothing: float32.
    """

    network: str
    weights: Literal["imagenet", "random", "file"]
    seed: int | None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    width: Annotated[int, Field(gt=0)]
    size: Annotated[int, Field(gt=0)]
    precision: Precision = "float32"

    @classmethod
    def load(cls, directory: str | Path) -> "EncoderSpec":
        """Reads the `encoder.json` of a directory.

        Raises:
            DataError: If there is none, or it does not hold an spec.
        """
        path = Path(directory) / ENCODER_FILE
        try:
            return TypeAdapter(cls).validate_json(path.read_bytes(), strict=True)
        except OSError as error:
            raise DataError(f"An encoder must have its {ENCODER_FILE}: {error}") from error
        except ValidationError as error:
            raise DataError(f"{path} must hold an encoder's spec: {error}") from error

    def save(self, directory: str | Path) -> None:
        """Writes `encoder.json` into a directory."""
        write_json(Path(directory) / ENCODER_FILE, asdict(self))
