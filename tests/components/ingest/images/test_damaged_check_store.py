"""Damaged files of checks in the feature store."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from components.ingest.images.photo_checks import PhotoChecks


@pytest.mark.parametrize("damage", [b"", b"no parquet"])
def test_check_images_removes_a_damaged_file_of_the_store_and_says_so(
    damage: bytes,
    images: dict[str, str],
    check: Callable[..., PhotoChecks],
    checked: list[str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = dict(check(images))
    checked.clear()
    file, *_ = sorted(tmp_path.glob("store/*/*-3.parquet"))
    file.write_bytes(damage)
    with caplog.at_level(logging.WARNING):
        assert dict(check(images)) == first
    # The three of that file, and the empty photo: a file that was not read may be read later.
    assert len(checked) == 4
    assert file.name in caplog.text
    checked.clear()
    check(images)
    assert checked == ["39.jpg"]


@pytest.mark.parametrize("photos", [2, 40])
def test_check_images_replaces_damaged_files_by_files_of_the_same_content(
    photos: int,
    images: dict[str, str],
    check: Callable[..., PhotoChecks],
    checked: list[str],
    tmp_path: Path,
) -> None:
    images = dict(list(images.items())[:photos])
    first = dict(check(images))
    files = {file: file.read_bytes() for file in tmp_path.glob("store/*/*.parquet")}
    for file in files:
        file.write_bytes(b"no parquet")
    checked.clear()
    assert dict(check(images)) == first
    assert sorted(checked) == sorted(images)
    assert {file: file.read_bytes() for file in tmp_path.glob("store/*/*.parquet")} == files
