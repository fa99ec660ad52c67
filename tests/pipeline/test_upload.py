from pathlib import Path
from typing import Any

import pytest

from components.storage.transfer import local_copy
from pipeline.upload import upload_artifacts


@pytest.fixture
def outputs(tmp_path: Path) -> dict[str, dict[str, str | Path]]:
    (tmp_path / "manifest").mkdir()
    (tmp_path / "manifest" / "report.json").write_text("{}")
    (tmp_path / "report.html").write_text("<p>")
    return {
        "ingest": {"manifest": tmp_path / "manifest"},
        # KFP's metrics have a path, and nothing lies there.
        "evaluate": {"report": str(tmp_path / "report.html"), "metrics": tmp_path / "metrics"},
    }


def test_upload_artifacts_puts_each_below_its_step(
    store: Any, outputs: dict[str, dict[str, str | Path]], tmp_path: Path
) -> None:
    places = upload_artifacts(outputs, f"{store.uri}/tonight/")
    assert places == {
        "ingest/manifest": f"{store.uri}/tonight/ingest/manifest",
        "evaluate/report": f"{store.uri}/tonight/evaluate/report",
    }
    copy = local_copy(places["ingest/manifest"], tmp_path / "copy")
    assert (copy / "report.json").read_text() == "{}"
    assert store.content()["tonight/evaluate/report"] == b"<p>"
