from pathlib import Path
from typing import Any

import pytest

from components.registry.rejected_candidates import (
    candidate_key,
    find_rejected_candidate,
    last_rejection,
    record_rejected_candidate,
)
from components.registry.runs import log_tags, start_run

_GIVEN: dict[str, Any] = {
    "training_config": "{}", "champion": "1", "model_name": "captioner",
    "floors": "bleu4=40", "margin": 0.5,
}  # fmt: skip


@pytest.mark.parametrize(
    "changed",
    [
        {"training_config": '{"seed": 2}'}, {"champion": "2"}, {"model_name": "other"},
        {"floors": ""}, {"margin": 0.0},
    ],
)  # fmt: skip
def test_find_rejected_candidate_finds_the_same_alone(
    changed: dict[str, Any], mlflow_root: Path
) -> None:
    key = candidate_key(**_GIVEN)
    assert find_rejected_candidate("photos", key) == ""
    record_rejected_candidate("photos", key, "BLEU-4 is worse")
    assert find_rejected_candidate("photos", key) == "BLEU-4 is worse"
    assert find_rejected_candidate("photos", candidate_key(**_GIVEN | changed)) == ""


def test_last_rejection_is_the_newest_of_the_model(mlflow_root: Path) -> None:
    assert last_rejection("captioner") == ""
    for experiment, model, passed, reason in (
        ("photos", "captioner", "false", "BLEU-4 0.00"),
        ("scenes", "captioner", "false", "BLEU-4 12.00"),
        ("photos", "captioner", "true", "BLEU-4 41.00"),
        ("photos", "other", "false", "BLEU-4 3.00"),
    ):
        tags = {"model_name": model, "gate_passed": passed, "gate_reason": reason}
        log_tags(start_run(experiment, "train", {}), tags)
    assert last_rejection("captioner") == "BLEU-4 12.00"
    assert last_rejection("it's") == ""
