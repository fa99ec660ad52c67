"""The MLflow run of a training run: its name, parameters and data set."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import yaml

from components.artifacts.dataset_summary import DatasetSummary
from components.registry.datasets import dataset_name, log_dataset
from components.registry.runs import log_params, log_text, reopen_run, start_run
from components.registry.source import source_tags
from components.registry.trainings import TRAINING_TAG, end_lost_trainings, find_ended_training
from components.runtime.kubeflow_run import MAX_RUN_AGE, RUN_ID_TAG, kubeflow_tags
from components.settings.data import SAMPLE
from components.settings.train import TrainSettings
from components.storage.filesystem import is_remote, local_path

#: Artifact of the training's MLflow run: all settings of the pipeline run.
RUN_CONFIG_FILE = "run.yaml"


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """What MLflow records of the pipeline run that trains a model; empty outside a pipeline.

    Attributes:
        config: All settings as YAML.
        dataset_summary: The manifest's `DatasetSummary` as JSON.
        kfp_name: The run's name on Kubeflow Pipelines; only recorded there.
    """

    config: str = ""
    dataset_summary: str = ""
    kfp_name: str = ""


def start_training_run(
    settings: TrainSettings,
    encoder: Mapping[str, Any],
    pipeline_run: PipelineRun,
    *,
    training: str,
    start_from: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """Starts the MLflow run of a training, or reopens one that ended before its first epoch.

    On a cluster, nothing notices when a pod is lost: its MLflow run remains marked as running. A
    retry of the step continues that run; without a retry, the next training in the experiment that
    starts after the time limit of a KFP run marks it as killed.

    Its name consists of data set, encoder and date, such as `flickr8k-InceptionV3-2026-11-30`. All
    settings of the pipeline run are its parameters, the data set is its input, `run.yaml` is one of
    its artifacts, and its tags record the Git commit of this code.

    Args:
        settings: The training settings.
        encoder: The encoder's spec; recorded as parameters too.
        pipeline_run: The pipeline run.
        training: Name of the training; equal for trainings that would give the same model.
        start_from: The model that the training continues from, as in `training.json`.

    Returns:
        The run's id.

    Raises:
        SettingError: If the experiment was deleted.
        CaptionflowError: If MLflow can't be used.
    """
    every = {**settings.model_dump(), **(yaml.safe_load(pipeline_run.config) or {})}
    # MLflow has no empty parameters.
    params = {name: value for name, value in every.items() if value != ""}
    dataset = every.get("dataset", "")
    text = pipeline_run.dataset_summary
    summary = DatasetSummary.from_json(text) if text else None
    parts = [dataset_name(dataset), encoder.get("network", ""), f"{datetime.now(UTC):%Y-%m-%d}"]
    params |= {f"encoder_spec_{name}": value for name, value in encoder.items()}
    cluster_tags = kubeflow_tags(pipeline_run.kfp_name)
    if cluster_tags:
        end_lost_trainings(settings.experiment, older_than=MAX_RUN_AGE, tag=RUN_ID_TAG)
    # On a cluster, the name of the training includes the KFP run's id, and KFP retries a step only
    # when its last pod has ended.
    run_id = find_ended_training(settings.experiment, training, also_running=bool(cluster_tags))
    if run_id:
        reopen_run(run_id)
        log_params(run_id, params)
    else:
        run_id = start_run(
            settings.experiment,
            run_name="-".join(part for part in parts if part),
            params=params,
            tags={
                TRAINING_TAG: training,
                **{f"start_from_{name}": str(value) for name, value in start_from.items()},
                **source_tags(),
                **cluster_tags,
            },
            description=_description(every, encoder, summary, start_from) if summary else "",
        )
    if pipeline_run.config:
        log_text(run_id, pipeline_run.config, RUN_CONFIG_FILE)
    if summary:
        log_dataset(run_id, _location(dataset), summary)
    return run_id


def _location(dataset: str) -> str:
    # A relative path means nothing on MLflow's page, and an empty one is not the current folder.
    is_place = dataset in ("", SAMPLE) or is_remote(dataset)
    return dataset if is_place else str(local_path(dataset).absolute())


def _description(
    settings: Mapping[str, Any],
    encoder: Mapping[str, Any],
    data: DatasetSummary,
    start_from: Mapping[str, Any],
) -> str:
    """Returns the description of the run for its page in MLflow."""
    sentences = [
        f"Image encoder: {encoder['network']}{', multi-crop' if encoder['multi_crop'] else ''}.",
        f"All settings are in {RUN_CONFIG_FILE}, under Artifacts.",
    ]
    model, dataset = settings.get("model_name"), settings.get("dataset")
    # A worker's file may contain the training settings only.
    if model and dataset:
        counts = f"{data.photos:,} photos with {data.captions:,} captions"
        sentences.insert(0, f"Trains {model} on {dataset_name(dataset)}: {counts}.")
    if start_from:
        sentences.append(f"Continues from {start_from['model']}.")
    return " ".join(sentences)
