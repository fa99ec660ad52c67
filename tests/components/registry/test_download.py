import json
from pathlib import Path
from typing import Any

import pytest

from components.artifacts.checksums import write_checksums
from components.errors import CaptionflowError, DataError
from components.registry.client import local_tracking_uri, mlflow_client
from components.registry.download import download_bundle_file, download_model
from components.registry.models import CHAMPION
from components.registry.runs import log_tags, start_run


def _logged(folder: Path) -> Path:
    """Files as MLflow lays them out, as far as they are looked at; JSON is YAML as well."""
    bundle = folder / "artifacts" / "its bundle"
    bundle.mkdir(parents=True)
    (bundle / "network.json").write_text("{}")
    flavour = {"artifacts": {"bundle": {"path": "artifacts/its bundle", "uri": "gone"}}}
    (folder / "MLmodel").write_text(json.dumps({"flavors": {"python_function": flavour}}))
    return bundle


@pytest.fixture
def bundles(mlflow_root: Path) -> list[Path]:
    """Those of two versions of `captioner`; the first is champion."""
    with mlflow_client() as client:
        client.create_registered_model("captioner")
        bundles = []
        for number in ("1", "2"):
            bundles.append(_logged(mlflow_root / number))
            client.create_model_version("captioner", (mlflow_root / number).as_uri())
        client.set_registered_model_alias("captioner", CHAMPION, "1")
    return bundles


def test_download_model_is_the_champion_where_it_lies(bundles: list[Path], tmp_path: Path) -> None:
    assert download_model("captioner", None, tmp_path / "copy") == ("1", bundles[0])
    assert not (tmp_path / "copy").exists()
    # Nothing is written into the registry's own files.
    assert {path.name for path in bundles[0].parents[1].iterdir()} == {"MLmodel", "artifacts"}


def test_download_model_of_a_version_is_that_one(bundles: list[Path], tmp_path: Path) -> None:
    assert download_model("captioner", "2", tmp_path) == ("2", bundles[1])


@pytest.mark.usefixtures("bundles")
def test_download_model_of_what_is_not_there_says_what_is(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no version 3 of captioner in MLflow at sqlite:"):
        download_model("captioner", "3", tmp_path)
    with pytest.raises(DataError, match=r"other has been approved yet .*--model-name\): captioner"):
        download_model("other", None, tmp_path)


@pytest.mark.usefixtures("bundles")
def test_download_model_without_a_champion_quotes_the_gate(tmp_path: Path) -> None:
    with mlflow_client() as client:
        client.delete_registered_model_alias("captioner", CHAMPION)
    reason = "BLEU-4 is 0.00; at least 40.00 is required (`--floors`)"
    tags = {
        "model_name": "captioner", "gate_passed": "false", "gate_reason": f"Not released: {reason}",
    }  # fmt: skip
    log_tags(start_run("photos", "train", {}), tags)
    with pytest.raises(DataError) as caught:
        download_model("captioner", None, tmp_path)
    for fact in ("captioner", "sqlite:", reason, "captionflow run"):
        assert fact in str(caught.value)


def test_download_model_without_a_store_makes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(tmp_path / "runs"))
    with pytest.raises(DataError, match=r"no runs in MLflow at sqlite:.*`captionflow run`"):
        download_model("captioner", None, tmp_path)
    assert not (tmp_path / "runs").exists()


def test_download_model_of_lost_files_says_where_they_must_lie(
    bundles: list[Path], tmp_path: Path
) -> None:
    bundles[0].rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="files of captioner version 1 are missing at file:/") as e:
        download_model("captioner", None, tmp_path)
    assert "\n" not in str(e.value)
    (bundles[1].parents[1] / "MLmodel").unlink()
    with pytest.raises(DataError, match="files of captioner version 2 are missing at"):
        download_model("captioner", "2", tmp_path)


def test_download_model_of_another_kind_of_model_is_refused(
    bundles: list[Path], tmp_path: Path
) -> None:
    (bundles[0].parents[1] / "MLmodel").write_text('{"flavors": {"sklearn": {}}}')
    with pytest.raises(DataError, match="captioner version 1 was not registered by captionflow"):
        download_model("captioner", None, tmp_path)


def test_download_model_of_a_dead_server_says_what_to_do(dead_mlflow: str, tmp_path: Path) -> None:
    with pytest.raises(CaptionflowError) as caught:
        download_model("captioner", None, tmp_path)
    assert str(caught.value) == dead_mlflow


def test_download_bundle_file_is_compared_with_its_checksum(
    bundles: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"captioner version 1 are missing.*SHA256SUMS"):
        download_bundle_file("captioner", "1", "network.json", tmp_path)
    write_checksums(bundles[0])
    file = download_bundle_file("captioner", "1", "network.json", tmp_path)
    assert file == bundles[0] / "network.json"
    file.write_text("[]")
    with pytest.raises(DataError, match=r"network\.json is damaged: its SHA-256 must be "):
        download_bundle_file("captioner", "1", "network.json", tmp_path)


def test_download_bundle_file_that_is_damaged_on_a_server_names_the_version(
    s3_bucket: Any, mlflow_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = _logged(tmp_path / "logged")
    write_checksums(bundle)
    (bundle / "network.json").write_text("[]")
    for file in filter(Path.is_file, (tmp_path / "logged").rglob("*")):
        name = file.relative_to(tmp_path / "logged").as_posix()
        s3_bucket.put_object(Key=f"first/{name}", Body=file.read_bytes())
    with mlflow_client() as client:
        client.create_registered_model("captioner")
        client.create_model_version("captioner", "s3://runs/first")
    (tmp_path / "copy").mkdir()
    with pytest.raises(DataError, match=r"^captioner version 1/network\.json is damaged") as caught:
        download_bundle_file("captioner", "1", "network.json", tmp_path / "copy")
    assert list((tmp_path / "copy").rglob("network.json"))
    assert str(tmp_path / "copy") not in str(caught.value)
