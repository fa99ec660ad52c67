import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app


@pytest.fixture(autouse=True)
def separate_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"):
        monkeypatch.delenv(name, raising=False)


def _doctor(*arguments: str) -> tuple[int, list[str]]:
    ended = CliRunner().invoke(app, ["doctor", "--quick", *arguments])
    return ended.exit_code, ended.stdout.splitlines()


def test_doctor_prints_one_version_per_line() -> None:
    code, lines = _doctor()
    assert code == 0
    versions = {line.split()[1]: line.split()[2] for line in lines}
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
    for name in (
        "captionflow", "kfp", "tensorflow", "keras", "apache-beam", "tensorflow-transform", "mlflow"
    ):  # fmt: skip
        assert versions[name] == version(name)


def test_doctor_with_an_unreachable_mlflow_fails_soon(
    free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ann:secret@127.0.0.1:{port}")
    started = time.monotonic()
    code, lines = _doctor()
    assert code == 1
    assert lines[-1].startswith(
        f"failed tracking             MLflow at http://127.0.0.1:{port} does not respond"
    )
    assert time.monotonic() - started < 60  # by default, MLflow retries for minutes


def test_doctor_with_a_sqlite_store_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.registry.client import local_tracking_uri, mlflow_client

    uri = local_tracking_uri(tmp_path / "runs")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    code, lines = _doctor()
    assert code == 0
    assert (
        lines[-1]
        == f"ok     tracking             {uri} does not exist yet; the first run creates it"
    )
    assert not list(tmp_path.iterdir())
    with mlflow_client():
        pass
    code, lines = _doctor()
    assert code == 0
    assert lines[-1] == f"ok     tracking             {uri} responds"


def test_doctor_with_a_corrupt_store_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from components.registry.client import local_tracking_uri

    (tmp_path / "mlflow.db").write_text("no database, but long enough to be taken for one" * 100)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(tmp_path))
    code, lines = _doctor()
    assert code == 1
    assert lines[-1].startswith(f"failed tracking             {tmp_path}/mlflow.db is damaged")


def test_doctor_checks_every_store(tmp_path: Path) -> None:
    code, lines = _doctor("--store", str(tmp_path / "nowhere"), "--store", str(tmp_path))
    assert code == 1
    assert lines[-2:] == [
        f"failed store {tmp_path}/nowhere There is nothing at this path; check the spelling: "
        f"{tmp_path}/nowhere",
        f"ok     store {tmp_path} readable and writable",
    ]
    assert _doctor("--store", str(tmp_path))[0] == 0
