"""Permissions on the MLflow server of the manifests, and the errors without them."""

from pathlib import Path
from typing import Any

import pytest
import requests
from small_runs import RunWhole

from components.errors import CaptionflowError
from components.registry.experiments import experiment_identity
from pipeline.config import make_settings


def test_server_asks_everyone_for_a_password(server: Any) -> None:
    def status(*account: str) -> int:
        address = f"{server.uri}/api/2.0/mlflow/experiments/search?max_results=1"
        return requests.get(address, auth=account or None, timeout=60).status_code

    assert status() == 401
    assert status("admin", "password1234") == 401  # older MLflow's default
    assert status("captionflow", server.passwords["admin-password"]) == 401
    assert status("captionflow", server.passwords["run-password"]) == 200


def test_experiment_identity_is_the_same_however_credentials_are_given(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from_file = experiment_identity("identity")
    account = f"captionflow:{server.passwords['run-password']}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri.replace("//", f"//{account}@"))
    assert experiment_identity("identity") == from_file


@pytest.mark.parametrize("password", ["wr0ng", ""])
def test_run_with_wrong_or_no_credentials_ends_in_one_line_before_any_step(
    password: str,
    run_whole: RunWhole,
    small_settings: dict[str, Any],
    server: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = server.passwords["run-password"]
    text = server.credentials.read_text().replace(right, password) if password else ""
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "credentials").write_text(text)
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = make_settings("sample", small_settings)
    with pytest.raises(CaptionflowError) as raised:
        run_whole(settings, tmp_path / "runs")
    assert str(raised.value).startswith(f"MLflow at {server.uri} rejects these credentials")
    assert not [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
