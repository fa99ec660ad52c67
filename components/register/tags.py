"""The tags of a registered version: its scores, what was scored, and the gate's decision."""

from collections.abc import Mapping
from typing import Any

from mlflow import MlflowClient, entities

from components.artifacts.scores import search_scores, signatures

# Prefix of the tags in which the gate recorded its decision; a version gets a copy of them.
_GATE = "gate_"
#: The decoding settings: as much part of a version as its weights.
DECODING = ("beam_width", "length_penalty", "max_words", "reranking_weight", "guidance_weight")


def score_tags(scores: Mapping[str, Any]) -> dict[str, str]:
    """Returns the tags that follow from the content of `scores.json`."""
    # `str` of a float loses no digit.
    return {
        **{name: str(value) for name, value in search_scores(scores, "beam").items()},
        **signatures(scores),
        **{name: str(scores[name]) for name in DECODING},
        "test_fingerprint": scores["test_fingerprint"],
        "dataset_fingerprint": scores["dataset_fingerprint"],
        "encoder_network": scores["encoder"]["network"],
        "encoder_weights": scores["encoder"]["weights"],
        "encoder_sha256": scores["encoder"]["sha256"],
        "encoder_precision": scores["encoder"]["precision"],
        "encoder_multi_crop": str(scores["encoder"]["multi_crop"]),
        **({"start_from": start["model"]} if (start := scores.get("start_from")) else {}),
    }


def gate_tags(client: MlflowClient, run_id: str, reason: str) -> dict[str, str]:
    """Returns the tags in which the gate recorded the numbers behind its decision.

    Args:
        client: MLflow.
        run_id: The training run, which has the tags.
        reason: The gate's reason; if a different one is recorded, no tags are returned.
    """
    recorded = client.get_run(run_id).data.tags
    if recorded.get("gate_reason") != reason:
        # Another pipeline run has decided on the same training since.
        return {}
    return {name: value for name, value in recorded.items() if name.startswith(_GATE)}


def update_tags(
    client: MlflowClient, version: entities.model_registry.ModelVersion, tags: dict[str, str]
) -> None:
    """Sets the tags of an existing version, and deletes those of an earlier decision."""
    for key, value in tags.items():
        if version.tags.get(key) != value:
            client.set_model_version_tag(version.name, version.version, key, value)
    for key in version.tags:
        if key.startswith(_GATE) and key not in tags:
            client.delete_model_version_tag(version.name, version.version, key)
