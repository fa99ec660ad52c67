from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow.parquet as pq
import pytest
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.testing.util import assert_that, equal_to

from components.runtime.beam import beam_pipeline
from components.runtime.beam_lists import ReadLists, write_lists
from components.runtime.beam_workers import temporary_folder


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


def _address(store: Any) -> str:
    return str(store.uri) if store.kind != "file" else f"file://{store.uri}"
