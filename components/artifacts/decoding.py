"""The decoding settings that a model was scored with: `decoding.json` in its bundle."""

from collections.abc import Mapping
from pathlib import Path

from components.artifacts.files import NETWORK_FILE, write_json
from components.errors import DataError

DECODING_FILE = "decoding.json"


def write_decoding(bundle: str | Path, decoding: Mapping[str, int | float]) -> None:
    """Writes the settings of `captioning.decoding.search.DecodingConfig` to a bundle."""
    write_json(Path(bundle) / DECODING_FILE, dict(decoding))


def decoding_file(bundle: str | Path) -> Path:
    """Returns the path of a bundle's decoding settings.

    Raises:
        DataError: If the bundle is a model that has not been scored.
    """
    path = Path(bundle) / DECODING_FILE
    if not path.exists() and path.with_name(NETWORK_FILE).exists():
        raise DataError(
            f"{bundle} must be a scored model, but has no {DECODING_FILE}. Use the artifact "
            "scored_model of the step evaluate instead of the model of the step train"
        )
    return path
