import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.doctor.checks import check_gpus, check_processor, check_store, check_versions
from pipeline.doctor.finding import Finding

PROJECT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def separate_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"):
        monkeypatch.delenv(name, raising=False)


def test_doctor_quick_loads_no_tensorflow() -> None:
    command = (
        "import sys; from pipeline.doctor.checks import *; list(examine(quick=True)); "
        "print(*sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", command], cwd=PROJECT, capture_output=True, text=True, check=True,
        # With a store to check, it would load MLflow.
        env={**os.environ, "MLFLOW_TRACKING_URI": ""},
    )  # fmt: skip
    assert not {"tensorflow", "mlflow", "apache_beam"} & set(ended.stdout.split())


def test_check_versions_with_another_version_states_the_requirement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = tmp_path / "kfp-1.8.22.dist-info/METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: kfp\nVersion: 1.8.22\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    failed = [finding for finding in check_versions() if not finding.ok]
    assert [finding.subject for finding in failed] == ["kfp"]
    assert failed[0].detail == (
        "1.8.22, but <3,>=2.17 is required. Install infra/requirements/run.txt"
    )


def test_check_versions_with_nothing_installed_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    failed = {finding.subject: finding.detail for finding in check_versions() if not finding.ok}
    assert failed["captionflow"] == "not installed. Run: python -m pip install --no-deps ."
    assert failed["mlflow"] == (
        "not installed, but any version is required. Install infra/requirements/run.txt"
    )


def test_check_processor_in_a_container_shows_its_limits(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("50000 100000\n")  # microseconds of CPU time per period
    (tmp_path / "memory.max").write_text("268435456\n")  # 0.25 GiB
    (tmp_path / "memory.current").write_text("53687091\n")  # 0.05 GiB
    assert check_processor(tmp_path) == Finding(
        "processor", "0.5 cores, 0.2 of 0.2 GiB memory available"
    )


@pytest.mark.parametrize("limits", [{}, {"cpu.max": "max 100000\n", "memory.max": "max\n"}])
def test_check_processor_without_limits_shows_the_machine(
    limits: dict[str, str], tmp_path: Path
) -> None:
    for name, text in limits.items():
        (tmp_path / name).write_text(text)
    assert check_processor(tmp_path).detail.startswith(f"{len(os.sched_getaffinity(0))} cores, ")


def test_check_gpus_that_tensorflow_cannot_use_names_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert check_gpus(tmp_path) == Finding("gpu", "none; TensorFlow uses the CPU")
    (tmp_path / "nvidia0").touch()
    (tmp_path / "nvidiactl").touch()
    assert check_gpus(tmp_path) == Finding(
        "gpu",
        f"TensorFlow can't use the GPUs {tmp_path}/nvidia0. Use the image "
        "captionflow-python:0.1.0-gpu, or install infra/requirements/gpu.txt",
        ok=False,
    )


def test_check_store_that_cannot_be_opened_fails() -> None:
    found = check_store("x" * 300)
    assert not found.ok
    assert found.detail.endswith("File name too long")


def test_check_store_of_another_scheme_shows_no_password() -> None:
    found = check_store("ftp://ann:secret@photos/flickr")
    assert (found.subject, found.ok) == ("store ftp://photos/flickr", False)
    assert found.detail.endswith("Received: ftp://photos/flickr")


def test_check_store_in_a_bucket_reads_the_bucket(remote: Any) -> None:
    remote.write("a/1.jpg", b"one")
    assert check_store(f"{remote.uri}/a") == Finding(f"store {remote.uri}/a", "readable")
    assert check_store(f"{remote.uri}/b") == Finding(
        f"store {remote.uri}/b", "readable, still empty"
    )
    missing = check_store(f"{remote.kind}://rnus/a")
    assert not missing.ok
    assert "rnus" in missing.detail


def test_check_store_in_a_bucket_without_credentials_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    found = check_store("gs://photos/flickr")
    assert not found.ok
    assert "gs://photos/flickr" in found.detail
    assert "key.json" in found.detail
