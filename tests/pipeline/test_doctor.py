import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from components.registry.artifact_check import EXPERIMENT
from pipeline.cli.app import app
from pipeline.doctor.checks import check_gpus, check_processor, check_store, check_versions
from pipeline.doctor.finding import Finding
from pipeline.doctor.mlflow import check_mlflow

PROJECT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def environment_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"):
        monkeypatch.delenv(name, raising=False)


def _doctor(*arguments: str) -> tuple[int, list[str]]:
    ended = CliRunner().invoke(app, ["doctor", "--quick", *arguments])
    return ended.exit_code, ended.stdout.splitlines()


def test_doctor_prints_versions_one_a_line() -> None:
    code, lines = _doctor()
    assert code == 0
    told = {line.split()[1]: line.split()[2] for line in lines}
    assert told["python"] == ".".join(map(str, sys.version_info[:3]))
    for name in (
        "captionflow", "kfp", "tensorflow", "keras", "apache-beam", "tensorflow-transform", "mlflow"
    ):  # fmt: skip
        assert told[name] == version(name)


def test_doctor_quick_loads_no_tensorflow() -> None:
    command = (
        "import sys; from pipeline.doctor.checks import *; list(examine(quick=True)); "
        "print(*sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", command], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert not {"tensorflow", "mlflow", "apache_beam"} & set(ended.stdout.split())


def test_check_versions_with_another_version_says_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = tmp_path / "kfp-1.8.22.dist-info/METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: kfp\nVersion: 1.8.22\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    wrong = [finding for finding in check_versions() if not finding.ok]
    assert [finding.subject for finding in wrong] == ["kfp"]
    assert wrong[0].detail == (
        "1.8.22, but <3,>=2.17 is needed: install infra/requirements/run.txt"
    )


def test_check_versions_with_nothing_installed_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    wrong = {finding.subject: finding.detail for finding in check_versions() if not finding.ok}
    assert wrong["captionflow"] == "is not installed: python -m pip install --no-deps ."
    assert wrong["mlflow"] == (
        "is not installed, but any version is needed: install infra/requirements/run.txt"
    )


def test_check_processor_in_a_container_tells_its_limits(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("50000 100000\n")  # microseconds in each so many
    (tmp_path / "memory.max").write_text("268435456\n")  # 0.25 GiB
    (tmp_path / "memory.current").write_text("53687091\n")  # 0.05 GiB
    assert check_processor(tmp_path) == Finding(
        "processor", "0.5 cores, 0.2 of 0.2 GiB memory available"
    )


@pytest.mark.parametrize("limits", [{}, {"cpu.max": "max 100000\n", "memory.max": "max\n"}])
def test_check_processor_without_limits_tells_the_machine(
    limits: dict[str, str], tmp_path: Path
) -> None:
    for name, text in limits.items():
        (tmp_path / name).write_text(text)
    assert check_processor(tmp_path).detail.startswith(f"{len(os.sched_getaffinity(0))} cores, ")


def test_check_gpus_that_tensorflow_cannot_use_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert check_gpus(tmp_path) == Finding("gpu", "none, TensorFlow uses the processor")
    (tmp_path / "nvidia0").touch()
    (tmp_path / "nvidiactl").touch()
    assert check_gpus(tmp_path) == Finding(
        "gpu",
        f"TensorFlow can't use what is here ({tmp_path}/nvidia0): use the image "
        "captionflow-python:0.1.0-gpu, or install infra/requirements/gpu.txt",
        ok=False,
    )


def test_doctor_with_a_dead_mlflow_says_so_soon(
    free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ann:secret@127.0.0.1:{port}")
    started = time.monotonic()
    code, lines = _doctor()
    assert code == 1
    assert lines[-1].startswith(
        f"wrong tracking             MLflow at http://127.0.0.1:{port} does not respond"
    )
    assert time.monotonic() - started < 60  # MLflow tries for minutes


def test_doctor_with_a_sqlite_store_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.registry.client import local_tracking_uri, mlflow_client

    uri = local_tracking_uri(tmp_path / "runs")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    code, lines = _doctor()
    assert code == 0
    assert lines[-1] == f"ok    tracking             {uri} is not there yet, the first run makes it"
    assert not list(tmp_path.iterdir())
    with mlflow_client():
        pass
    code, lines = _doctor()
    assert code == 0
    assert lines[-1] == f"ok    tracking             {uri} answers"


def test_check_mlflow_that_writes_leaves_no_artifact_and_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.registry.client import local_tracking_uri, mlflow_client

    uri = local_tracking_uri(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with mlflow_client() as client:
        found = check_mlflow(uri, write=True)
        assert (found.ok, found.subject) == (True, "tracking")
        assert "written, read and removed" in found.detail
        experiment = client.get_experiment_by_name(EXPERIMENT)
        assert client.search_runs([experiment.experiment_id]) == []
    assert not list(tmp_path.rglob("doctor.txt"))


def test_check_mlflow_whose_artifacts_cannot_be_written_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.registry.client import local_tracking_uri, mlflow_client

    uri = local_tracking_uri(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with mlflow_client():
        (tmp_path / "mlartifacts").write_text("where the folder of artifacts should be")
        assert check_mlflow(uri, write=False).ok
        found = check_mlflow(uri, write=True)
    assert not found.ok
    for told in ("written to", str(tmp_path / "mlartifacts"), "MLFLOW_ARTIFACTS_DESTINATION"):
        assert told in found.detail


def test_doctor_with_a_file_that_is_no_store_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.registry.client import local_tracking_uri

    (tmp_path / "mlflow.db").write_text("no database, but long enough to be taken for one" * 100)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(tmp_path))
    code, lines = _doctor()
    assert code == 1
    assert lines[-1].startswith(f"wrong tracking             MLflow at sqlite:///{tmp_path}")


def test_doctor_reads_every_store_that_is_named(tmp_path: Path) -> None:
    code, lines = _doctor("--store", str(tmp_path / "nowhere"), "--store", str(tmp_path))
    assert code == 1
    assert lines[-2:] == [
        f"wrong store {tmp_path}/nowhere Nothing lies at this path, check its spelling: "
        f"{tmp_path}/nowhere",
        f"ok    store {tmp_path} can be read and written",
    ]
    assert _doctor("--store", str(tmp_path))[0] == 0


def test_check_store_that_cannot_be_opened_is_wrong() -> None:
    found = check_store("x" * 300)
    assert not found.ok
    assert found.detail.startswith("File name too long: check its name, and that user ")


def test_check_store_of_another_scheme_shows_no_password() -> None:
    found = check_store("ftp://ann:secret@photos/flickr")
    assert (found.subject, found.ok) == ("store ftp://photos/flickr", False)
    assert found.detail.endswith("Received: ftp://photos/flickr")


def test_check_store_in_a_bucket_asks_the_bucket(remote: Any) -> None:
    remote.write("a/1.jpg", b"one")
    assert check_store(f"{remote.uri}/a") == Finding(f"store {remote.uri}/a", "can be read")
    assert check_store(f"{remote.uri}/b") == Finding(
        f"store {remote.uri}/b", "can be read, nothing lies there yet"
    )
    missing = check_store(f"{remote.kind}://rnus/a")
    assert not missing.ok
    assert "rnus" in missing.detail


def test_check_store_in_a_bucket_without_credentials_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    found = check_store("gs://photos/flickr")
    assert not found.ok
    assert "gs://photos/flickr" in found.detail
    assert "key.json" in found.detail
