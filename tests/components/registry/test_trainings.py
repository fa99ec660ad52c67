from pathlib import Path

from components.registry.runs import end_run, log_metrics, start_run
from components.registry.trainings import TRAINING_TAG, find_ended_training


def test_find_ended_training_finds_one_that_was_ended_before_its_first_epoch(
    mlflow_root: Path,
) -> None:
    assert find_ended_training("photos", "a1") is None
    # Finished, still running, with an epoch, of another training.
    end_run(start_run("photos", "1", {}, {TRAINING_TAG: "a1"}))
    start_run("photos", "2", {}, {TRAINING_TAG: "a1"})
    end_run(epoch := start_run("photos", "3", {}, {TRAINING_TAG: "a1"}), "KILLED")
    log_metrics(epoch, {"loss": 1.0})
    end_run(start_run("photos", "4", {}, {TRAINING_TAG: "b2"}), "KILLED")
    assert find_ended_training("photos", "a1") is None
    ended = start_run("photos", "5", {}, {TRAINING_TAG: "a1"})
    end_run(ended, "KILLED")
    assert find_ended_training("photos", "a1") == ended
