"""The baseline artifact: the champion's captions of the test photos.

Written by `rescore`, read by `gate`.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from components.artifacts.files import read_json, write_json

_FILE = "champion_predictions.json"


@dataclass(frozen=True, slots=True)
class ChampionPredictions:
    """The champion's captions of the test photos: the baseline that a new model is compared with.

    Attributes:
        version: The champion's version in the registry.
        captions: Generated captions by image id; empty if the champion can't be compared with.
        incomparable: Why the champion can't be compared with, as the predicate of a sentence, such
            as "was trained on 3 of the 9 test photos"; empty if it can.
        data_grew: Whether the new model was trained on more photos than the champion.
    """

    version: str
    captions: dict[str, str] = field(default_factory=dict)
    incomparable: str = ""
    data_grew: bool = False


def write_champion_predictions(directory: Path, baseline: ChampionPredictions | None) -> None:
    """Writes the artifact into a directory; None means that there is no champion."""
    write_json(directory / _FILE, None if baseline is None else asdict(baseline))


def read_champion_predictions(directory: str | Path) -> ChampionPredictions | None:
    """Reads what `write_champion_predictions` wrote; None means that there is no champion."""
    content = read_json(Path(directory) / _FILE)
    return None if content is None else ChampionPredictions(**content)
