"""What a model is made of: data, encoder and settings, by content."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.artifacts.external import external_content_hash
from components.artifacts.files import read_json
from components.artifacts.manifest import REPORT_FILE
from components.captioning.encoder.backbone_names import canonical_backbone_name
from components.errors import DataError

# Told by content: a hash says nothing to a person, so a change of it is only called a change.
_CONTENTS = {"data": "the data", "encoder_weights": "the encoder's weights", "glove": "GloVe"}


@dataclass(frozen=True)
class TrainingConfig:
    """All that decides what a training comes to.

    Attributes:
        parts: Settings by name, and fingerprints of what they name: `data`, `encoder_weights`
            and `glove`.
    """

    parts: Mapping[str, Any]

    @classmethod
    def from_json(cls, text: str) -> "TrainingConfig":
        """Reads what `to_json` wrote.

        Raises:
            ValueError: If the text is not of that form.
        """
        parts = json.loads(text)
        if not isinstance(parts, dict):
            raise ValueError(f"A training_config must be a JSON object. Received: {text[:80]!r}")
        return cls(parts)

    def to_json(self) -> str:
        """Returns the training_config as a line of JSON, equal for equal recipes."""
        return json.dumps(self.parts, sort_keys=True)

    def changes_from(self, other: "TrainingConfig") -> list[str]:
        """Returns in words what is otherwise here than in another training_config."""
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


def make_training_config(
    manifest: str | Path, *, encoder: str, encoder_weights: str, glove: str, **settings: Any
) -> TrainingConfig:
    """Returns the training_config of a run.

    Args:
        manifest: The manifest artifact, whose report has the data's fingerprint.
        encoder: The network, however spelled.
        encoder_weights: `imagenet`, `random` or a path, which counts by its content. (A bucket
            knows contents by another checksum: what moves from a disk to a bucket has changed.)
        glove: `sample` or a path, which counts by its content.
        settings: All other settings that decide what the model becomes.

    Raises:
        DataError: If there is nothing at one of the paths, or the manifest is damaged.
    """
    file = Path(manifest) / REPORT_FILE
    try:
        data = read_json(file)["dataset_fingerprint"]
    except (OSError, ValueError, LookupError) as error:
        raise DataError(
            f"The manifest must have its whole {REPORT_FILE}: run again with --no-cache. "
            f"Received: {error}"
        ) from error
    return TrainingConfig(
        {
            "data": data,
            "encoder": canonical_backbone_name(encoder),
            "encoder_weights": external_content_hash(encoder_weights, "imagenet", "random"),
            "glove": external_content_hash(glove, "sample"),
            **settings,
        }
    )
