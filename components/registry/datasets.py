"""The data set of a training run, recorded as an input of its MLflow run."""

import json
from dataclasses import asdict
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT
from mlflow.utils.validation import MAX_DATASET_DIGEST_SIZE

from components.artifacts.dataset_summary import DatasetSummary
from components.registry.client import mlflow_client


def log_dataset(run_id: str, source: str, summary: DatasetSummary) -> None:
    """Records what a run was trained on: name, source, digest and splits.

    Args:
        run_id: The run's id.
        source: The setting `dataset`: a path or URI, or `sample`.
        summary: Its fingerprint and its numbers of photos and captions.

    Raises:
        CaptionflowError: If MLflow can't be used, or has no such run.
    """
    dataset = Dataset(
        name=dataset_name(source),
        digest=summary.fingerprint[:MAX_DATASET_DIGEST_SIZE],
        # The names of MLflow's own dataset sources: gs, s3, local.
        source_type=urlsplit(source).scheme or "local",
        source=json.dumps({"uri": source}),
        profile=json.dumps(asdict(summary)),
    )
    context = InputTag(MLFLOW_DATASET_CONTEXT, "training")
    with mlflow_client() as client:
        client.log_inputs(run_id, [DatasetInput(dataset, [context])])


def dataset_name(source: str) -> str:
    """Returns the last part of a data set's path, without suffixes.

    Args:
        source: The setting `dataset`, such as `gs://photos/flickr8k.tar.gz`.
    """
    name = PurePosixPath(source).name
    return name.partition(".")[0] or name or source
