"""A Kubeflow Pipelines server on loopback, this machine without a cluster, the compiled package."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kfp
import pytest
from kfp_api import KfpServer, serving

from pipeline.package import compile_package


@pytest.fixture
def kfp_server() -> Iterator[KfpServer]:
    with serving() as server:
        yield server


@pytest.fixture
def no_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Hides this machine's own cluster configuration."""
    for name in ("ENDPOINT", "UI_ENDPOINT", "TOKEN", "IAP_OAUTH2_CLIENT_ID"):
        monkeypatch.delenv(f"KF_PIPELINES_{name}", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(kfp.Client, "_LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("build") / "captionflow.yaml"
    compile_package(target)
    return target


@pytest.fixture
def compiled_once(monkeypatch: pytest.MonkeyPatch, package: Path) -> Path:
    """Copies the package instead of compiling it again, which saves time."""
    monkeypatch.setattr(
        "pipeline.package.compile_package", lambda target: shutil.copyfile(package, target)
    )
    return package
