"""The artifacts that the gate judges."""

import json
from pathlib import Path

import pytest
from judgements import CAPTION, PAGE, SCORES, write_captions, write_champion

from components.registry.runs import start_run


@pytest.fixture
def artifacts(mlflow_root: Path, tmp_path: Path) -> dict[str, str]:
    model, scores = tmp_path / "model", tmp_path / "scores"
    model.mkdir()
    scores.mkdir()
    run_id = start_run("photos", "first", {})
    (model / "training.json").write_text(json.dumps({"mlflow_run_id": run_id}))
    (scores / "scores.json").write_text(json.dumps(SCORES))
    write_captions(scores, CAPTION["hypothesis"])
    write_champion(tmp_path / "baseline", None)
    # KFP passes it without a suffix.
    (tmp_path / "report").write_text(PAGE, encoding="utf-8")
    names = ("model", "scores", "report", "baseline")
    return {name: str(tmp_path / name) for name in names}
