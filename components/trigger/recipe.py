"""What a model is made of: data, encoder and settings, by content."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.platform.artifacts import read_json
from components.platform.contents import named_content
from components.platform.fingerprint import fingerprint_value
from components.platform.manifest import REPORT_FILE

# Told by content: a hash says nothing to a person, so a change of it is only called a change.
_CONTENTS = {"data": "the data", "encoder_weights": "the encoder's weights", "glove": "GloVe"}
# What the features are made of, photos and token ids.
_FEATURES = ("data", "encoder", "encoder_weights", "min_count", "seed")


@dataclass(frozen=True)
class Recipe:
    """All that decides what a training comes to.

    Attributes:
        parts: Settings by name, and fingerprints of what they name: `data`, `encoder_weights`
            and `glove`.
    """

    parts: Mapping[str, Any]

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Reads what `to_json` wrote.

        Raises:
            ValueError: If the text is not of that form.
        """
        parts = json.loads(text)
        if not isinstance(parts, dict):
            raise ValueError(f"A recipe must be a JSON object. Received: {text[:80]!r}")
        return cls(parts)

    def to_json(self) -> str:
        """Returns the recipe as a line of JSON, equal for equal recipes."""
        return json.dumps(self.parts, sort_keys=True)

    @property
    def origin(self) -> str:
        """What the features are made of, as a fingerprint.

        On a cluster KFP's cache knows artifacts by name only; with this beside them it sees that
        photos, captions or weights are others.
        """
        return fingerprint_value({name: self.parts[name] for name in _FEATURES})

    def changes_from(self, other: "Recipe") -> list[str]:
        """Returns in words what is otherwise here than in another recipe."""
        changes = []
        for name in sorted({**self.parts, **other.parts}, key=lambda name: name not in _CONTENTS):
            before, now = other.parts.get(name), self.parts.get(name)
            if before == now:
                continue
            if name in _CONTENTS:
                changes.append(f"{_CONTENTS[name]} changed")
            else:
                changes.append(f"{name} was {before}, is {now}")
        return changes


def make_recipe(
    manifest: str | Path, *, encoder_weights: str, glove: str, **settings: Any
) -> Recipe:
    """Returns the recipe of a run.

    Args:
        manifest: The manifest artifact, whose report has the data's fingerprint.
        encoder_weights: `imagenet`, `random` or a path, which counts by its content.
        glove: `sample` or a path, which counts by its content.
        settings: All other settings that decide what the model becomes.

    Raises:
        DataError: If there is nothing at one of the paths.
    """
    report = read_json(Path(manifest) / REPORT_FILE)
    return Recipe(
        {
            "data": report["dataset_fingerprint"],
            "encoder_weights": named_content(encoder_weights, "imagenet", "random"),
            "glove": named_content(glove, "sample"),
            **settings,
        }
    )
