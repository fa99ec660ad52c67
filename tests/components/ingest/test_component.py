from pathlib import Path

import pytest
from kfp import dsl

from components.ingest.component import ingest


def _run(dataset: Path, artifact: dsl.Dataset) -> None:
    ingest.python_func(
        dataset=str(dataset),
        scenes=1,
        seed=0,
        dev_share=0.1,
        test_share=0.1,
        max_quarantined=0.2,
        max_missing=0.0,
        beam_flags="",
        store="",
        start_from="",
        language="",
        manifest=artifact,
    )


def test_ingest_component(flickr8k: Path, tmp_path: Path) -> None:
    (flickr8k / "Flicker8k_Dataset" / "a.jpg").write_bytes(b"")
    artifact = dsl.Dataset(uri=str(tmp_path / "manifest"))
    _run(flickr8k, artifact)
    assert artifact.metadata["photos"] == 5
    assert artifact.metadata["captions"] == 10
    assert artifact.metadata["quarantined"] == 1
    assert len(artifact.metadata["dataset_fingerprint"]) == 64
    assert (tmp_path / "manifest" / "manifest.parquet").is_file()


def test_ingest_component_failing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    artifact = dsl.Dataset(uri=str(tmp_path / "manifest"))
    with pytest.raises(SystemExit) as caught:
        _run(tmp_path / "nowhere", artifact)
    assert caught.value.code == 3
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("FAILED ingest: There is nothing at this path")
    assert not (tmp_path / "manifest").exists()
