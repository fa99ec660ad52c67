import re
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest

from components.errors import SettingError
from components.runtime.beam import beam_pipeline, unwrapped_errors
from components.runtime.beam_workers import RequireReadable, stage_files, temporary_folder
from components.storage.upload import upload


@pytest.mark.parametrize(
    ("flags", "rule"),
    [
        ("", r"share this machine's files, or a --temp_location \(gs:// or s3://\)"),
        ("--temp_location=gs://a/b", r"read and write in its --temp_location"),
    ],
)
def test_require_readable_names_the_flag_and_the_file(
    flags: str, rule: str, tmp_path: Path
) -> None:
    gone = str(tmp_path / "gone")
    with (
        pytest.raises(SettingError, match=rf"{rule}.*can't read {re.escape(gone)}: .*{flags}"),
        unwrapped_errors(),
        beam_pipeline() as pipeline,
    ):
        _ = pipeline | beam.Create([1]) | beam.ParDo(RequireReadable([gone], flags))


def test_stage_files_uploads_those_of_this_machine(store: Any, tmp_path: Path) -> None:
    (tmp_path / "a b#1.jpg").write_bytes(b"dog\r")
    paths = ["gs://other/x.jpg", str(tmp_path / "a b#1.jpg")]
    assert stage_files(paths, "") == paths
    assert stage_files(paths, f"{store.uri}/temp") == [
        "gs://other/x.jpg", f"{store.uri}/temp/photos/00000001",
    ]  # fmt: skip
    assert store.content() == {"temp/photos/00000001": b"dog\r"}


def test_temporary_folder_is_removed_after_an_error(store: Any, tmp_path: Path) -> None:
    flags = f"--temp_location={_address(store)}"
    with pytest.raises(ValueError, match="broken"), temporary_folder(flags) as folder:
        (tmp_path / "list").touch()
        upload(tmp_path / "list", f"{folder}/list")
        assert len(store.content()) == 1
        raise ValueError("broken")
    assert store.content() == {}


def test_temporary_folder_without_the_flag_is_none() -> None:
    with temporary_folder("--runner=X") as folder:
        assert folder == ""


def _address(store: Any) -> str:
    return str(store.uri) if store.kind != "file" else f"file://{store.uri}"
