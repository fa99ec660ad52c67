"""The decoding settings that a model was scored with, in `decoding.json` of its bundle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.artifacts.files import read_json, write_json
from components.errors import DataError

DECODING_FILE = "decoding.json"


def write_decoding(bundle: str | Path, decoding: Mapping[str, int | float]) -> None:
    """Writes the settings of `captioning.decoding.search.DecodingConfig` to a bundle."""
    write_json(Path(bundle) / DECODING_FILE, dict(decoding))


def read_decoding(bundle: str | Path) -> dict[str, Any]:
    """Returns the settings that `write_decoding` wrote.

    Raises:
        DataError: If the model has not been scored, or the file is invalid.
    """
    path = Path(bundle) / DECODING_FILE
    try:
        decoding = read_json(path)
        beam_width = decoding["beam_width"]
    except FileNotFoundError as error:
        raise DataError(
            f"{bundle} must be a scored model, but has no {DECODING_FILE}. Use the artifact "
            "scored_model of the step evaluate instead of the model of the step train"
        ) from error
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"{path} must hold decoding settings: {error}") from error
    if not isinstance(beam_width, int):
        raise DataError(f"beam_width in {path} must be an integer. Received: {beam_width!r}")
    return dict(decoding)
