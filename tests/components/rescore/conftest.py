"""The artifacts of a real run, whose model is the champion."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.registry.client import local_tracking_uri


@pytest.fixture(scope="module", autouse=True)
def files(finished_run: Any) -> Iterator[dict[str, dict[str, Path]]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(finished_run.root))
        yield finished_run.files


@pytest.fixture
def manifest(files: dict[str, dict[str, Path]]) -> Path:
    return files["ingest"]["manifest"]


@pytest.fixture
def examples(files: dict[str, dict[str, Path]]) -> Path:
    return files["features"]["examples"]


@pytest.fixture
def scored(files: dict[str, dict[str, Path]]) -> dict[str, str]:
    """The champion's captions that `evaluate` scored."""
    lines = (files["evaluate"]["scores"] / "captions.jsonl").read_text().splitlines()
    return {line["image_id"]: line["hypothesis"] for line in map(json.loads, lines)}
