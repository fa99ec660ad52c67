import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow.parquet as pq
import pytest
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.testing.util import assert_that, equal_to

from components.errors import SettingError
from components.runtime.beam import beam_pipeline, unwrapped_errors
from components.runtime.beam_workers import (
    ReadLists,
    RequireReadable,
    stage_files,
    temporary_folder,
    write_lists,
)


@dataclass(frozen=True)
class Item:
    """An item with each kind of field that Parquet holds."""

    name: str
    number: int
    tokens: list[list[int]]


LISTS = [[Item("a", 1, []), Item("ü", 2, [])], [Item("b", 3, [[4, 5], []])]]


def test_write_lists_writes_a_row_group_for_each_list(tmp_path: Path) -> None:
    write_lists(LISTS, str(tmp_path / "lists.parquet"))
    file = pq.ParquetFile(tmp_path / "lists.parquet")
    groups = [file.read_row_group(number).to_pylist() for number in range(file.num_row_groups)]
    assert [[row["name"] for row in group] for group in groups] == [["a", "ü"], ["b"]]


def test_read_lists_gives_the_same_lists_through_a_shared_folder(store: Any) -> None:
    with (
        temporary_folder(f"--temp_location={_address(store)}/temp") as folder,
        beam_pipeline() as pipeline,
    ):
        lists = pipeline | ReadLists(LISTS, beam_flags="", folder=folder)
        assert_that(lists, equal_to(LISTS))
    assert store.content() == {}


def test_read_lists_checks_the_first_file_that_is_here(tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    needed = [str(tmp_path / "gone"), str(tmp_path / "here")]
    with beam_pipeline() as pipeline:
        lists = pipeline | ReadLists(LISTS, beam_flags="", needed=needed)
        assert_that(lists, equal_to(LISTS))


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


@pytest.mark.parametrize("shared", [False, True])
def test_read_lists_checks_each_worker_that_reads_a_list(shared: bool, tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    source = ReadLists(
        LISTS,
        beam_flags="",
        folder=str(tmp_path) if shared else "",
        needed=[str(tmp_path / "here")],
    )
    pipeline = beam.Pipeline()
    _ = pipeline | source
    names = _Names()
    pipeline.visit(names)
    order = ["Distribute", "Require", *(["Read"] if shared else [])]
    assert [name for name in names.names if name in {"Distribute", "Require", "Read"}] == order


class _Names(PipelineVisitor):
    """Notes the last part of each transform's name, in the order of the graph."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def enter_composite_transform(self, transform_node: AppliedPTransform) -> None:
        self.visit_transform(transform_node)

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        self.names.append(transform_node.full_label.rpartition("/")[2])


def test_stage_files_uploads_those_of_this_machine(store: Any, tmp_path: Path) -> None:
    (tmp_path / "a b#1.jpg").write_bytes(b"dog\r")
    paths = ["gs://other/x.jpg", str(tmp_path / "a b#1.jpg")]
    assert stage_files(paths, "") == paths
    assert stage_files(paths, f"{store.uri}/temp") == [
        "gs://other/x.jpg", f"{store.uri}/temp/photos/00000001",
    ]  # fmt: skip
    assert store.content() == {"temp/photos/00000001": b"dog\r"}


def test_temporary_folder_is_removed_after_an_error(store: Any) -> None:
    flags = f"--temp_location={_address(store)}"
    with pytest.raises(ValueError, match="broken"), temporary_folder(flags) as folder:
        write_lists(LISTS, f"{folder}/lists.parquet")
        assert len(store.content()) == 1
        raise ValueError("broken")
    assert store.content() == {}


def test_temporary_folder_without_the_flag_is_none() -> None:
    with temporary_folder("--runner=X") as folder:
        assert folder == ""


def _address(store: Any) -> str:
    return str(store.uri) if store.kind != "file" else f"file://{store.uri}"
