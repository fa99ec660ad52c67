import json
from pathlib import Path

import pytest
from mlflow import MlflowClient

from components.artifacts.dataset_summary import DatasetSummary
from components.registry.datasets import dataset_name, log_dataset
from components.registry.runs import start_run

_SUMMARY = DatasetSummary("ab" * 32, 7, 35, {"train": 5, "dev": 1, "test": 1})


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("sample", "sample"),
        ("/data/flickr8k/", "flickr8k"),
        ("gs://photos/flickr8k.tar.gz", "flickr8k"),
        ("photos/.hidden", ".hidden"),
    ],
)
def test_dataset_name_is_the_last_part_without_suffixes(source: str, name: str) -> None:
    assert dataset_name(source) == name


@pytest.mark.parametrize(
    ("source", "kind"), [("sample", "local"), ("/data/x.zip", "local"), ("s3://b/x", "s3")]
)
def test_log_dataset_adds_an_input_with_name_digest_and_splits(
    mlflow_root: Path, source: str, kind: str
) -> None:
    run_id = start_run("photos", "first", {})
    log_dataset(run_id, source, _SUMMARY)
    (logged,) = MlflowClient().get_run(run_id).inputs.dataset_inputs
    assert logged.dataset.name == dataset_name(source)
    assert logged.dataset.digest == "ab" * 18
    assert logged.dataset.source_type == kind
    assert json.loads(logged.dataset.source) == {"uri": source}
    assert json.loads(logged.dataset.profile)["splits"] == {"train": 5, "dev": 1, "test": 1}
    assert [(tag.key, tag.value) for tag in logged.tags] == [("mlflow.data.context", "training")]
