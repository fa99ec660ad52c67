"""The baseline artifact: what the champion says of the test photos that a new model is scored on.

Written by `rescore`, read by `gate`.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from components.artifacts.files import read_json, write_json

_FILE = "champion_predictions.json"


@dataclass(frozen=True, slots=True)
class ChampionPredictions:
    """A champion, as the one to be better than.

    Attributes:
        version: In the registry.
        captions: What it says of each test photo, by image id; empty if it does not compare.
        incomparable: Why it does not compare, in words that follow its name; empty if it does.
        data_grew: Whether the new model learnt from more photos than it.
    """

    version: str
    captions: dict[str, str] = field(default_factory=dict)
    incomparable: str = ""
    data_grew: bool = False


def write_champion_predictions(directory: Path, baseline: ChampionPredictions | None) -> None:
    """Writes the artifact into a directory; None: there is no champion."""
    write_json(directory / _FILE, None if baseline is None else asdict(baseline))


def read_champion_predictions(directory: str | Path) -> ChampionPredictions | None:
    """Returns what `write_champion_predictions` wrote."""
    found = read_json(Path(directory) / _FILE)
    return None if found is None else ChampionPredictions(**found)
