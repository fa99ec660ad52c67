"""The gate as KFP calls it."""

import re
from pathlib import Path

import pytest
from judgements import (
    SETTINGS,
    register_champion,
)
from kfp import dsl

from components.artifacts.checksums import METADATA_KEY, artifact_damage, write_checksums
from components.artifacts.fingerprint import fingerprint_file
from components.gate.component import gate
from components.settings.release import GateSettings


def _as_kfp_passes(artifacts: dict[str, str]) -> dict[str, dsl.Artifact]:
    for name in ("model", "scores", "baseline"):
        write_checksums(Path(artifacts[name]))
    metadata = {METADATA_KEY: fingerprint_file(artifacts["report"])}
    return {
        "model": dsl.Model(uri=artifacts["model"]),
        "scores": dsl.Artifact(uri=artifacts["scores"]),
        "report": dsl.HTML(uri=artifacts["report"], metadata=metadata),
        "baseline": dsl.Artifact(uri=artifacts["baseline"]),
        "final_report": dsl.HTML(uri=f"{artifacts['report']}-final"),
    }


def test_gate_component_returns_decision_reason_and_champion(
    artifacts: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    register_champion(artifacts, "a red dog runs on the grass")
    passed_on = _as_kfp_passes(artifacts)
    decision = gate.python_func(
        **passed_on,
        **{**GateSettings().model_dump(), **SETTINGS, "floors": "bleu4=70"},
    )
    passed, reason, champion = decision
    assert (passed, champion) == (False, "1")
    assert "BLEU-4 is 66.12; at least 70.00 is required (`--floors`)" in reason
    assert reason in capsys.readouterr().out
    assert artifact_damage(passed_on["final_report"]) == ""


def test_gate_component_without_tracking_uri_fails_in_one_line(
    artifacts: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(SystemExit) as caught:
        gate.python_func(
            **_as_kfp_passes(artifacts),
            **{**GateSettings().model_dump(), **SETTINGS},
        )
    assert caught.value.code == 2
    assert re.fullmatch(r"FAILED gate: MLFLOW_TRACKING_URI is not set.*\n", capsys.readouterr().out)
