"""The training config: everything that determines the result of a training, by content."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.artifacts.code_version import code_version
from components.artifacts.dataset_summary import DatasetSummary
from components.artifacts.external import external_content_hash
from components.artifacts.fingerprint import fingerprint_value
from components.registry.model_uri import is_model_uri
from components.settings.base import external_settings
from components.settings.run import ModelSettings

# What each fingerprint covers; a change is reported without the hashes.
_CONTENTS = {
    "data": "the data",
    "code": "the code or a library",
    "encoder_weights": "the encoder's weights",
    "glove": "GloVe",
    "start_from": "the model to continue from",
}
_HASH = re.compile("[0-9a-f]{64}")
# The steps whose code determines the model.
_STEPS = ("normalize", "features", "embeddings", "train")


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that determines the result of a training.

    Attributes:
        parts: Settings by name, and fingerprints of the `data`, the `code`, the
            `encoder_weights` and the vectors in `glove`.
    """

    parts: Mapping[str, Any]

    @classmethod
    def from_json(cls, text: str) -> "TrainingConfig":
        """Reads what `to_json` wrote.

        Raises:
            ValueError: If the text is not a JSON object.
        """
        parts = json.loads(text)
        if not isinstance(parts, dict):
            raise ValueError(f"A training config must be a JSON object. Received: {text[:80]!r}")
        return cls(parts)

    def to_json(self) -> str:
        """Returns the training config as a line of JSON; equal configs give equal lines."""
        return json.dumps(self.parts, sort_keys=True)

    def changes_from(self, other: "TrainingConfig", name: str) -> list[str]:
        """Returns a phrase for each change since the training config of the model `name`."""
        changes = []
        parts = sorted({**self.parts, **other.parts}, key=lambda part: part not in _CONTENTS)
        for part in parts:
            before, now = other.parts.get(part), self.parts.get(part)
            if before == now:
                continue
            if part in _CONTENTS:
                changes.append(f"{_CONTENTS[part]} changed since {name}")
            else:
                changes.append(f"{part} changed from {_short(before)} ({name}) to {_short(now)}")
        return changes


def make_training_config(data: DatasetSummary, settings: ModelSettings) -> TrainingConfig:
    """Returns the training config of a run.

    Args:
        data: What the manifest holds; only its fingerprint matters.
        settings: The settings that determine the model, given the data. Files that they name are
            compared by content. (Buckets and disks have different checksums, so a file moved to a
            bucket counts as changed.)

    Raises:
        DataError: If a path does not exist.
    """
    decisive = {
        name: value
        for name, value in settings.decisive().items()
        if name in ModelSettings.model_fields
    }
    external = {
        name: external_content_hash(decisive[name], *words)
        for name, words in external_settings(ModelSettings).items()
        # A registered model is compared by name. If it is the champion of this very model, each
        # release would otherwise be a reason for the next training.
        if not is_model_uri(decisive[name])
    }
    code = fingerprint_value([code_version(f"components.{step}") for step in _STEPS])
    return TrainingConfig({"data": data.fingerprint, "code": code, **decisive, **external})


def _short(value: Any) -> Any:
    """Returns a setting's value; shortens the content hash of an ONNX model."""
    return f"ONNX model {value[:12]}" if _HASH.fullmatch(str(value)) else value
