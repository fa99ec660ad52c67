import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from components.artifacts.checksums import (
    CHECKSUMS_FILE,
    artifact_damage,
    check_bundle,
    check_input,
    checksums_fingerprint,
    directory_damage,
    fetch_checked,
    write_checksums,
)
from components.artifacts.files import atomic_directory
from components.errors import DataError
from components.storage.upload import upload

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@dataclass
class Stored:
    """An artifact as KFP describes it."""

    path: str
    metadata: dict[str, Any] = field(default_factory=dict)


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    with atomic_directory(tmp_path / "artifact") as aside:
        (aside / "abc").write_bytes(b"abc")
        (aside / "empty").touch()
        (aside / "photos" / "cats").mkdir(parents=True)
        (aside / "photos" / "cats" / "größe 1.jpg").write_bytes(b"photo")
    return tmp_path / "artifact"


def _sha256sum(directory: Path) -> int:
    program = shutil.which("sha256sum") or pytest.skip("coreutils are not installed")
    command = [program, "--check", "--strict", CHECKSUMS_FILE]
    return subprocess.run(command, cwd=directory, capture_output=True, check=False).returncode


def test_write_checksums_lists_all_files_in_the_format_of_sha256sum(artifact: Path) -> None:
    lines = (artifact / CHECKSUMS_FILE).read_text().splitlines()
    assert lines[0] == f"{ABC}  abc"
    assert [line[66:] for line in lines] == ["abc", "empty", "photos/cats/größe 1.jpg"]
    assert _sha256sum(artifact) == 0
    assert directory_damage(artifact) == ""


@pytest.mark.parametrize(
    "name", [b"back\\slash", b"new\nline", b"\\n", b"return\rhere", b"\xff\xfe", b" two  spaces "]
)
def test_write_checksums_of_an_odd_name_is_read_back_by_us_and_by_sha256sum(
    tmp_path: Path, name: bytes
) -> None:
    file = tmp_path / os.fsdecode(name)
    file.write_bytes(b"abc")
    write_checksums(tmp_path)
    assert directory_damage(tmp_path) == ""
    assert _sha256sum(tmp_path) == 0
    file.write_bytes(b"abd")
    assert ABC in directory_damage(tmp_path)
    assert _sha256sum(tmp_path) == 1


def test_write_checksums_leaves_the_artifact_alone_whose_files_are_linked(artifact: Path) -> None:
    copy = artifact.with_name("copy")
    copy.mkdir()
    for name in ("abc", CHECKSUMS_FILE):
        os.link(artifact / name, copy / name)
    before = checksums_fingerprint(artifact)
    write_checksums(copy)
    assert directory_damage(copy) == directory_damage(artifact) == ""
    assert checksums_fingerprint(artifact) == before != checksums_fingerprint(copy)


def _flip(path: Path, place: Callable[[int], int]) -> None:
    content = bytearray(path.read_bytes())
    content[place(len(content))] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["abc", "photos/cats/größe 1.jpg", CHECKSUMS_FILE])
@pytest.mark.parametrize("place", [lambda n: 0, lambda n: n // 2, lambda n: n - 1])
def test_directory_damage_notices_a_flipped_bit(
    artifact: Path, name: str, place: Callable[[int], int]
) -> None:
    _flip(artifact / name, place)
    assert directory_damage(artifact)


def test_directory_damage_notices_every_flipped_bit_of_the_checksums(artifact: Path) -> None:
    file = artifact / CHECKSUMS_FILE
    content = file.read_bytes()
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        assert directory_damage(artifact), flipped


@pytest.mark.parametrize("length", range(0, 225, 7))
def test_directory_damage_notices_truncated_checksums(artifact: Path, length: int) -> None:
    file = artifact / CHECKSUMS_FILE
    assert length < file.stat().st_size
    os.truncate(file, length)
    assert directory_damage(artifact)


def test_directory_damage_names_the_file_and_both_checksums(artifact: Path) -> None:
    (artifact / "abc").write_bytes(b"abd")
    (artifact / "empty").unlink()
    (artifact / "new").touch()
    damage = directory_damage(artifact)
    found = hashlib.sha256(b"abd").hexdigest()
    assert re.search(rf"{artifact}/abc .*{ABC}.*{found} \(and 2 more", damage)


def test_directory_damage_names_missing_and_unexpected_files(artifact: Path) -> None:
    (artifact / "abc").rename(artifact / "cba")
    assert re.search(rf"abc is missing.*{ABC} \(and 1 more", directory_damage(artifact))
    (artifact / "cba").rename(artifact / "abc")
    (artifact / "photos" / "cba").touch()
    assert "photos/cba is unexpected" in directory_damage(artifact)


def test_directory_damage_without_checksums_is_an_unfinished_or_old_artifact(
    artifact: Path, tmp_path: Path
) -> None:
    (artifact / CHECKSUMS_FILE).unlink()
    assert "older version" in directory_damage(artifact)
    assert "older version" in directory_damage(tmp_path / "nowhere")


def test_directory_damage_ignores_what_an_upload_adds(artifact: Path, tmp_path: Path) -> None:
    upload(artifact, str(tmp_path / "uploaded"))
    assert len(list((tmp_path / "uploaded").iterdir())) > len(list(artifact.iterdir()))
    assert directory_damage(tmp_path / "uploaded") == ""


@pytest.mark.parametrize(
    "line",
    [
        b"x" * 40_000,
        f"{ABC}  abc\n{ABC}  abc\n".encode(),
        f"{ABC} *abc\n".encode(),
        f"{ABC.upper()}  abc\n".encode(),
        f"{ABC}  abc".encode(),
        f"{ABC}  ../secret\n".encode(),
    ],
)
def test_directory_damage_of_hostile_checksums_reads_no_other_file(
    tmp_path: Path, line: bytes
) -> None:
    (tmp_path / "secret").write_bytes(b"abc")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "abc").write_bytes(b"abc")
    (tmp_path / "in" / CHECKSUMS_FILE).write_bytes(line)
    assert directory_damage(tmp_path / "in")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_directory_damage_of_an_unreadable_file_says_why(artifact: Path) -> None:
    (artifact / "abc").chmod(0)
    assert "Permission denied" in directory_damage(artifact)


def test_artifact_damage_of_a_single_file_compares_it_with_the_metadata(tmp_path: Path) -> None:
    report = tmp_path / "report"
    report.write_bytes(b"abc")
    stored = Stored(str(report), {"sha256": ABC})
    assert artifact_damage(stored) == ""
    report.write_bytes(b"abd")
    assert re.search(
        rf"{report} is damaged.*{ABC}.*Received: [0-9a-f]{{64}}", artifact_damage(stored)
    )
    assert "metadata" in artifact_damage(Stored(str(report)))


def test_check_input_and_check_bundle_say_what_to_do(artifact: Path) -> None:
    check_input(Stored(str(artifact)))
    check_bundle(artifact)
    (artifact / "abc").write_bytes(b"abd")
    with pytest.raises(DataError, match=rf"{artifact}/abc .*{ABC}.*new run"):
        check_input(Stored(str(artifact)))
    with pytest.raises(DataError, match=rf"{artifact}/abc .*{ABC}.*--model-version"):
        check_bundle(artifact)


def test_check_bundle_names_where_a_temporary_copy_comes_from(artifact: Path) -> None:
    check_bundle(artifact, "gs://runs/model")
    (artifact / "abc").write_bytes(b"abd")
    with pytest.raises(
        DataError, match=rf"^gs://runs/model must .* gs://runs/model/abc .*{ABC}"
    ) as e:
        check_bundle(artifact, "gs://runs/model")
    assert str(artifact) not in str(e.value)


def _fetch(artifact: Path, name: str) -> Path:
    return fetch_checked(name, artifact.joinpath, "gs://runs/model")


def test_fetch_checked_compares_one_file_without_the_others(artifact: Path) -> None:
    (artifact / "empty").unlink()
    assert _fetch(artifact, "abc") == artifact / "abc"
    assert _fetch(artifact, CHECKSUMS_FILE) == artifact / CHECKSUMS_FILE
    (artifact / "abc").write_bytes(b"abd")
    with pytest.raises(DataError, match=rf"^gs://runs/model/abc is damaged.*{ABC}.*; restore"):
        _fetch(artifact, "abc")
    (artifact / "new").touch()
    with pytest.raises(DataError, match=r"^gs://runs/model/new is unexpected.*; restore"):
        _fetch(artifact, "new")
    (artifact / CHECKSUMS_FILE).write_text("nothing")
    with pytest.raises(DataError, match=rf"^gs://runs/model/{CHECKSUMS_FILE} is d.*nothing.*; res"):
        _fetch(artifact, "abc")
