from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from components.features.shards import write_feature_shard
from pipeline.cli.features import app
from pipeline.config import Settings
from pipeline.local import commands
from pipeline.local.__main__ import app as local_app


def _invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "100"})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "features" / ("a" * 64)
    folder.mkdir(parents=True)
    (folder / f"{'1' * 64}.json").write_text('{"network": "InceptionV3", "weights": "file"}')
    write_feature_shard(
        folder, [f"{number:064x}" for number in range(3)], np.ones((3, 8), np.float16)
    )
    return tmp_path


def test_show_prints_size_and_encoders(root: Path) -> None:
    shown = _invoke("show", "--root", str(root)).output
    row = next(line.split() for line in shown.splitlines() if line.startswith("Inception"))
    assert row[:6] == ["InceptionV3,", "file,", "float32", "aaaaaaaa", "3", "2"]
    assert f"2 files, 381B in {root}/features" in shown


def test_show_counts_the_checks_of_photos(root: Path) -> None:
    for number, checks in (("1", 512), ("2", 40)):
        file = root / "features" / ("b" * 64) / f"{number * 64}-{checks}.parquet"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(bytes(10))
    lines = _invoke("show", "--root", str(root)).output.splitlines()
    row = next(line.split() for line in lines if line.startswith("checks of photos"))
    assert row[3:6] == ["bbbbbbbb", "552", "2"]


def test_show_without_a_store_prints_zero_files(tmp_path: Path) -> None:
    shown = _invoke("show", "--root", str(tmp_path))
    assert shown.output == f"0 files, 0B in {tmp_path}/features\n"


def test_prune_prints_the_freed_size(root: Path) -> None:
    assert _invoke("prune", "--root", str(root), "--older-than", "1").output.startswith("0 files,")
    message = f"2 files, 381B would be freed in {root}/features\n"
    assert _invoke("prune", "--root", str(root), "--all", "--dry-run").output == message
    assert _invoke("prune", "--root", str(root), "--keep-bytes", "1kB").output.startswith("0 files")
    message = f"2 files, 381B freed in {root}/features\n"
    assert _invoke("prune", "--root", str(root), "--keep-bytes", "100").output == message
    assert "0 files, 0B" in _invoke("show", "--root", str(root)).output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "prune needs one of --older-than, --keep-bytes and --all"),
        (
            ("--keep-bytes", "much"),
            "keep-bytes must be a size, such as 500MB or 2GiB. Received: 'm",
        ),
        (("--all", "--store", ""), "store must be a path"),
        (("--all", "--store", "ftp://x"), "must be local or begin with gs://"),
    ],
)
def test_prune_with_wrong_options_removes_nothing(
    root: Path, options: tuple[str, ...], message: str
) -> None:
    ended = _invoke("prune", "--root", str(root), *options)
    assert ended.exit_code == 2
    assert f"captionflow: {message}" in ended.output or message in ended.output
    assert "2 files, 381B in" in _invoke("show", "--root", str(root)).output


@pytest.mark.parametrize(
    ("options", "store"),
    [((), "features"), (("--store", "gs://b/f"), "gs://b/f"), (("--no-store",), "")],
)
def test_no_store_disables_the_feature_store(
    options: tuple[str, ...], store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Settings] = []

    def plan_run(settings: Settings, *_: object, **__: object) -> list[object]:
        seen.append(settings)
        return []

    monkeypatch.setattr(commands, "plan_run", plan_run)
    assert CliRunner().invoke(local_app, ["--plan", *options]).exit_code == 0
    assert [settings.store for settings in seen] == [store]
