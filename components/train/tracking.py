"""The MLflow run of a training: its name, parameters and data set."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import yaml

from components.artifacts.dataset_summary import DatasetSummary
from components.registry.datasets import dataset_name, log_dataset
from components.registry.runs import log_text, start_run
from components.settings.train import TrainSettings

#: In the MLflow run of the training: all settings of the pipeline run.
RUN_CONFIG_FILE = "run.yaml"


def start_training_run(
    settings: TrainSettings, encoder: Mapping[str, Any], run_config: str, dataset_summary: str
) -> str:
    """Starts the MLflow run of a training.

    It is named after data set, encoder and date, such as `flickr8k-inceptionv3-2026-11-30`. All
    settings of the pipeline run are its parameters, the data set is its input, and `run.yaml` is
    among its artifacts.

    Args:
        settings: The training settings.
        encoder: The encoder's spec; recorded as parameters too.
        run_config: All settings of the pipeline run as YAML; empty outside a pipeline.
        dataset_summary: What the manifest holds, as JSON; empty outside a pipeline.

    Returns:
        The run's id.

    Raises:
        SettingError: If the experiment was deleted.
        CaptionflowError: If MLflow can't be used.
    """
    every = {**settings.model_dump(), **(yaml.safe_load(run_config) or {})}
    # MLflow has no empty parameters.
    params = {name: value for name, value in every.items() if value != ""}
    dataset = every.get("dataset", "")
    parts = [dataset_name(dataset), encoder.get("network", ""), f"{datetime.now(UTC):%Y-%m-%d}"]
    run_id = start_run(
        settings.experiment,
        run_name="-".join(part for part in parts if part),
        params={**params, **{f"encoder_spec_{name}": value for name, value in encoder.items()}},
    )
    if run_config:
        log_text(run_id, run_config, RUN_CONFIG_FILE)
    if dataset_summary:
        log_dataset(run_id, dataset, DatasetSummary.from_json(dataset_summary))
    return run_id
