"""From a version's page in MLflow's real user interface to the report with its photos."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from mlflow import MlflowClient
from playwright.sync_api import expect

from components.artifacts.manifest import read_manifest
from components.artifacts.scores import TITLES, search_scores
from components.register.card import model_card

MODEL = "captionflow-sample"
HOSTILE = (
    "<script>window.executed = 1</script> <img src=x onerror=window.executed=2> "
    "[press](javascript:window.executed=3) <a href=javascript:window.executed=4>press</a> "
    # Only what it looks like is at stake here.
    "~~x~~ @name :smile: http://a.example www.a.example x@a.example ... &#64; \\\\ \\@"
)


@pytest.fixture(scope="module")
def address(
    finished_run: Any,
    free_port: Callable[[], int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """MLflow's server over a copy of a whole run's store; the artifacts are the run's own."""
    work = tmp_path_factory.mktemp("server")
    shutil.copy(finished_run.root / "mlflow.db", work)
    port = free_port()
    with (work / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--workers=1"),
                *("--backend-store-uri", f"sqlite:///{work}/mlflow.db"),
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
    address: str, finished_run: Any, browser: Any
) -> None:
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{address}/#/models/{MODEL}/versions/1")
    page.get_by_text("champion").first.wait_for()
    # The decision and the scores, as tags; the card, with a table of both searches' scores.
    decision = page.get_by_role("row").filter(has=page.get_by_role("cell", name="gate_reason"))
    expect(decision).to_contain_text(finished_run.reason)
    beam = search_scores(finished_run.scores, "beam")
    for name, value in beam.items():
        row = page.get_by_role("row").filter(has=page.get_by_role("cell", name=name, exact=True))
        expect(row).to_contain_text(str(value))
    expect(page.get_by_role("heading", name=MODEL, exact=True).last).to_be_visible()
    for part in ("Data", "Scores", "Limits", "Licences"):
        expect(page.get_by_role("heading", name=part, exact=True)).to_be_visible()
    expect(page.get_by_text(f"Decision of the gate: {finished_run.reason}")).to_be_visible()
    table = page.get_by_role("table").filter(has_text="ROUGE-L")
    expect(table.get_by_role("row").first).to_have_text(
        " ".join(["search", *(TITLES[name] for name in beam)])
    )
    expect(table.get_by_role("row").nth(1)).to_contain_text(
        " ".join(f"{value:.2f}" for value in beam.values())
    )

    page.get_by_role("link", name="sample-MobileNetV3Small-").click()
    page.get_by_text("test_bleu4", exact=True).first.wait_for()
    page.get_by_role("tab", name="Artifacts").click()
    for name in ("captions.jsonl", "scores.json"):
        page.get_by_text(name).first.wait_for()
    page.get_by_text("report.html").first.click()
    report = page.frame_locator("iframe")
    report.get_by_role("heading", name="Scores", exact=True).wait_for()
    photos = report.locator("img")
    assert photos.count() > 0
    # Shown, not only named; a photo is loaded when it comes into view.
    photos.first.scroll_into_view_if_needed()
    photos.first.evaluate("photo => photo.decode()")
    assert photos.first.evaluate("photo => photo.naturalWidth") > 0


@pytest.mark.parametrize("escaped", [True, False], ids=["card", "edited by hand"])
def test_version_page_executes_nothing_of_what_it_shows(
    escaped: bool, address: str, finished_run: Any, browser: Any
) -> None:
    card = model_card(
        finished_run.scores, read_manifest(finished_run.files["ingest"]["manifest"]),
        name=MODEL, cause="none", reason=HOSTILE,
    )  # fmt: skip
    client = MlflowClient(address)
    source = client.get_model_version(MODEL, "1").source
    version = client.create_model_version(
        MODEL, source, model_id=source.removeprefix("models:/"),
        tags={"gate_reason": HOSTILE},
        description=card if escaped else f"{HOSTILE}\n\n## Limits",
    )  # fmt: skip
    page = browser.new_page()
    page.goto(f"{address}/#/models/{MODEL}/versions/{version.version}")
    page.get_by_role("heading", name="Limits").wait_for()
    row = page.get_by_role("row").filter(has=page.get_by_role("cell", name="gate_reason"))
    expect(row).to_contain_text(HOSTILE)
    if escaped:
        shown = page.get_by_text(f"Decision of the gate: {HOSTILE}")
        expect(shown).to_be_visible()
        # Text alone: no link, no emphasis.
        expect(shown.locator("*")).to_have_count(0)
    for link in page.get_by_text("press", exact=True).all():
        link.click()
    assert page.evaluate("window.executed") is None
    assert page.locator("a[href^='javascript:'], img[onerror]").count() == 0
