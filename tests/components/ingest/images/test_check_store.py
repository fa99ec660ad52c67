"""Checks of photos that are kept in the feature store: which of them are reused."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.ingest.images import beam_checks, file_keys
from components.ingest.images.beam_checks import check_images
from components.ingest.images.photo_checks import PhotoChecks


def _change(file: Path, content: bytes) -> None:
    """Changes a file in place, but not its size."""
    size = file.stat().st_size
    file.write_bytes(content[:-2] + b"\xff\xff")
    assert file.stat().st_size == size


def test_check_images_continues_after_a_kill(
    images: dict[str, str],
    check: Callable[..., PhotoChecks],
    checked: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Forty photos are thirteen lists of three, and one of one; the run ends after four or five.
    noted = beam_checks.check_image

    def killed(image_id: str, path: str) -> object:
        if len(checked) == 13:
            raise KeyboardInterrupt
        return noted(image_id, path)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(beam_checks, "check_image", killed)
        check(images)
    before = list(checked)
    checked.clear()
    again = check(images)
    # Only photos of the unfinished list were checked twice.
    assert len(before) == 13
    assert len(set(before) & set(checked)) < 3
    assert {*before, *checked} == images.keys()
    assert dict(again) == dict(check(images, "another store"))


def test_check_images_checks_only_what_was_changed_or_added(
    images: dict[str, str],
    check: Callable[..., PhotoChecks],
    checked: list[str],
    encode: Callable[..., bytes],
) -> None:
    first = check(images)
    checked.clear()
    changed, empty = Path(images["03.jpg"]), images.pop("39.jpg")
    _change(changed, encode(3))
    images["a copy.jpg"] = images["04.jpg"]
    (added := changed.with_name("new.jpg")).write_bytes(encode(77))
    images["new.jpg"] = str(added)
    second = check(images)
    assert sorted(checked) == ["03.jpg", "new.jpg"]
    assert second["03.jpg"].sha256 != first["03.jpg"].sha256
    assert second["a copy.jpg"] == replace(first["04.jpg"], image_id="a copy.jpg")
    assert Path(empty).exists()


def test_check_images_checks_a_file_again_that_has_its_old_size_and_time(
    images: dict[str, str],
    check: Callable[..., PhotoChecks],
    checked: list[str],
    encode: Callable[..., bytes],
) -> None:
    first = check(images)
    checked.clear()
    changed = Path(images["03.jpg"])
    before = changed.stat()
    _change(changed, encode(3))
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = changed.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (
        before.st_size, before.st_mtime_ns, before.st_ino,
    )  # fmt: skip
    second = check(images)
    assert sorted(checked) == ["03.jpg", "39.jpg"]
    assert second["03.jpg"].sha256 != first["03.jpg"].sha256


def test_check_images_keeps_no_check_of_a_file_that_has_just_been_changed(
    images: dict[str, str],
    check: Callable[..., PhotoChecks],
    checked: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    with monkeypatch.context() as patch:
        # An hour, so that the test does not depend on its own speed.
        patch.setattr(file_keys, "_RACY_NANOSECONDS", 3600 * 10**9)
        first = dict(check(images))
        assert not list(tmp_path.glob("store/*/*.parquet"))
        checked.clear()
        assert dict(check(images)) == first
        assert sorted(checked) == sorted(images)
    check(images)
    checked.clear()
    assert dict(check(images)) == first
    assert checked == ["39.jpg"]


def test_check_images_keeps_no_check_of_a_file_that_appears_while_it_is_checked(
    images: dict[str, str],
    check: Callable[..., PhotoChecks],
    checked: list[str],
    monkeypatch: pytest.MonkeyPatch,
    encode: Callable[..., bytes],
) -> None:
    late = Path(images["05.jpg"])
    late.unlink()
    noted = beam_checks.check_image

    def appears(image_id: str, path: str) -> object:
        if path == str(late):
            late.write_bytes(encode(5))
        return noted(image_id, path)

    with monkeypatch.context() as patch:
        patch.setattr(beam_checks, "check_image", appears)
        assert check(images)["05.jpg"].reason == ""
    late.unlink()
    checked.clear()
    assert "No such file" in check(images)["05.jpg"].reason
    assert sorted(checked) == ["05.jpg", "39.jpg"]


def test_check_images_checks_objects_again_whose_version_is_another(
    images: dict[str, str],
    checked: list[str],
    remote: Any,
    tmp_path: Path,
) -> None:
    paths = {}
    for name in ("01.jpg", "02.jpg"):
        remote.write(f"set/{name}", Path(images[name]).read_bytes())
        paths[name] = f"{remote.uri}/set/{name}"

    def run(number: int, versions: dict[str, str]) -> PhotoChecks:
        (work := tmp_path / f"bucket-{number}").mkdir()
        store = str(tmp_path / "store")
        return check_images(list(paths), paths, work, "", store=store, versions=versions)

    run(0, {"01.jpg": "10 a", "02.jpg": "10 b"})
    checked.clear()
    run(1, {"01.jpg": "10 a", "02.jpg": "11 b"})
    assert checked == ["02.jpg"]
    # Without a version, a change would pass unnoticed.
    with pytest.raises(KeyError, match=r"02\.jpg"):
        run(2, {"01.jpg": "10 a"})


def test_check_images_reads_a_file_again_that_could_not_be_read(
    images: dict[str, str], check: Callable[..., PhotoChecks], encode: Callable[..., bytes]
) -> None:
    gone = Path(images["05.jpg"])
    gone.unlink()
    assert "No such file" in check(images)["05.jpg"].reason
    gone.write_bytes(encode(5))
    assert check(images)["05.jpg"].reason == ""
