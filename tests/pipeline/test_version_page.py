"""From a version's page in MLflow's real user interface to the report with its photos."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests


@pytest.fixture(scope="module")
def address(small_run: tuple[Any, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MLflow's server over the store of a whole run."""
    root, work = small_run[0].root, tmp_path_factory.mktemp("server")
    port = _free_port()
    with (work / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--workers=1"),
                *("--backend-store-uri", f"sqlite:///{root}/mlflow.db"),
                *("--host=127.0.0.1", f"--port={port}"),
            ],
            cwd=work,
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=log,
            stderr=log,
        )
        try:
            _wait(f"http://127.0.0.1:{port}", server, work / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(30)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(600):
        assert server.poll() is None, log.read_text()
        try:
            if requests.get(f"{address}/health", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise TimeoutError(log.read_text())


def test_version_page_leads_to_run_report_and_photos(
    address: str, small_run: tuple[Any, str], browser: Any
) -> None:
    summary, _ = small_run
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{address}/#/models/captionflow-sample/versions/1")
    page.get_by_text("champion").first.wait_for()
    page.get_by_role("cell", name="gate_reason").wait_for()
    told = page.inner_text("body")
    assert summary.reason in told
    assert str(summary.scores["bleu"]["bleu4"]) in told

    page.get_by_role("link", name="train-").click()
    page.get_by_text("test_bleu4", exact=True).first.wait_for()
    page.get_by_role("tab", name="Artifacts").click()
    for name in ("captions.jsonl", "scores.json", "learnt_photos.txt"):
        page.get_by_text(name).first.wait_for()
    page.get_by_text("report.html").first.click()
    report = page.frame_locator("iframe")
    report.get_by_role("heading", name="How well the model describes photos").wait_for()
    photos = report.locator("img")
    assert photos.count() > 0
    # Shown, not only named.
    assert photos.first.evaluate("photo => photo.naturalWidth") > 0
