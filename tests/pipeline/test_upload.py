from pathlib import Path

import pytest
from google.cloud import storage

from components.errors import SettingError
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
    bucket: storage.Bucket, outputs: dict[str, dict[str, str | Path]], tmp_path: Path
) -> None:
    places = upload_artifacts(outputs, "gs://photos/runs/")
    assert places == {
        "ingest/manifest": "gs://photos/runs/ingest/manifest",
        "evaluate/report": "gs://photos/runs/evaluate/report",
    }
    assert [blob.name for blob in bucket.list_blobs()] == [
        "runs/evaluate/report",
        "runs/ingest/manifest/report.json",
    ]
    for name, path in (("ingest/manifest", "report.json"), ("evaluate/report", "")):
        copy = local_copy(places[name], tmp_path / "copy") / path
        step, artifact = name.split("/")
        assert copy.read_bytes() == (Path(outputs[step][artifact]) / path).read_bytes()


@pytest.mark.usefixtures("bucket")
def test_upload_artifacts_to_a_local_path_is_an_error(
    outputs: dict[str, dict[str, str | Path]],
) -> None:
    with pytest.raises(SettingError, match=r"must begin with gs://\. Received: runs/ingest"):
        upload_artifacts(outputs, "runs")
