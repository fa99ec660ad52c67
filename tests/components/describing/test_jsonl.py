import json
from pathlib import Path

import pytest

from components.describing.jsonl import (
    append_lines,
    end_partial_line,
    locked_output,
    read_lines,
    sort_lines,
)
from components.errors import CaptionflowError, SettingError

DOG = {"photo": "dog.jpg", "caption": "a dog"}
CAT = {"photo": "cat.jpg", "caption": "a cat"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "captions.jsonl"
    path.touch()
    return path


def test_read_lines_takes_the_later_of_two_lines_of_a_photo(path: Path) -> None:
    append_lines(path, [DOG, CAT])
    append_lines(path, [{**DOG, "caption": "two dogs"}])
    assert read_lines(path) == {"dog.jpg": {**DOG, "caption": "two dogs"}, "cat.jpg": CAT}


@pytest.mark.parametrize("length", [1, 8, 10, 20])
def test_partial_line_is_ignored_and_the_next_one_is_whole(path: Path, length: int) -> None:
    append_lines(path, [DOG])
    with path.open("ab") as file:
        file.write(json.dumps(CAT).encode()[:length])
    assert read_lines(path) == {"dog.jpg": DOG}
    end_partial_line(path)
    append_lines(path, [CAT])
    assert sort_lines(path) == {"cat.jpg": CAT, "dog.jpg": DOG}
    assert path.read_text().splitlines() == [json.dumps(CAT), json.dumps(DOG)]


@pytest.mark.parametrize(
    "content", [b"my diary", b"\n\nmy diary\n", b'{"x": 1}\n', b"[1]\n", b"\xff"]
)
def test_read_lines_of_another_file_is_refused_and_leaves_it_alone(
    path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    with pytest.raises(SettingError, match=r"captions of an earlier run. Line \d of"):
        read_lines(path)
    assert path.read_bytes() == content


def test_photo_names_that_are_not_utf8_are_kept(path: Path) -> None:
    odd = {"photo": "h\udcfcnd\u2028 \n.jpg", "caption": "ein Hünd"}
    append_lines(path, [odd])
    assert path.read_bytes().count(b"\n") == 1
    assert "Hünd".encode() in path.read_bytes()
    assert sort_lines(path) == {odd["photo"]: odd}


def test_locked_output_locks_out_another_run(tmp_path: Path) -> None:
    path = tmp_path / "new" / "captions.jsonl"
    with locked_output(path):
        assert path.read_bytes() == b""
        with pytest.raises(SettingError, match="one run at a time"), locked_output(path):
            pass
    with locked_output(path):
        pass


def test_locked_output_of_a_folder_or_device_is_refused(path: Path) -> None:
    for output in (path.parent, Path("/dev/null"), path / "below a file"):
        with pytest.raises(SettingError, match="a file that can be written"), locked_output(output):
            pass


def test_append_lines_to_a_full_disk_is_an_error() -> None:
    with pytest.raises(CaptionflowError, match="/dev/full can't be written: No space left"):
        append_lines(Path("/dev/full"), [DOG])
