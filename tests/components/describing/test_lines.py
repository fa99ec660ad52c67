import json
from pathlib import Path

import pytest

from components.describing.lines import (
    append_lines,
    begin_anew,
    put_in_order,
    read_lines,
    sole_writer,
)
from components.errors import CaptionflowError, SettingError

DOG = {"photo": "dog.jpg", "caption": "a dog"}
CAT = {"photo": "cat.jpg", "caption": "a cat"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "captions.jsonl"
    path.touch()
    return path


def test_lines_come_back_by_photo_and_the_later_one_counts(path: Path) -> None:
    append_lines(path, [DOG, CAT])
    append_lines(path, [{**DOG, "caption": "two dogs"}])
    assert read_lines(path) == {"dog.jpg": {**DOG, "caption": "two dogs"}, "cat.jpg": CAT}


@pytest.mark.parametrize("length", [1, 8, 10, 20])
def test_half_line_is_dropped_and_the_next_one_is_whole(path: Path, length: int) -> None:
    append_lines(path, [DOG])
    with path.open("ab") as file:
        file.write(json.dumps(CAT).encode()[:length])
    assert read_lines(path) == {"dog.jpg": DOG}
    begin_anew(path)
    append_lines(path, [CAT])
    assert put_in_order(path) == {"cat.jpg": CAT, "dog.jpg": DOG}
    assert path.read_text().splitlines() == [json.dumps(CAT), json.dumps(DOG)]


@pytest.mark.parametrize(
    "content", [b"my diary", b"\n\nmy diary\n", b'{"x": 1}\n', b"[1]\n", b"\xff"]
)
def test_file_that_holds_something_else_is_refused_and_kept(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(SettingError, match=r"hold an earlier run's captions: .* in line \d"):
        read_lines(path)
    assert path.read_bytes() == content


def test_names_that_are_no_text_come_back(path: Path) -> None:
    odd = {"photo": "h\udcfcnd\u2028 \n.jpg", "caption": "ein Hünd"}
    append_lines(path, [odd])
    assert path.read_bytes().count(b"\n") == 1
    assert "Hünd".encode() in path.read_bytes()
    assert put_in_order(path) == {odd["photo"]: odd}


def test_sole_writer_keeps_another_run_out(tmp_path: Path) -> None:
    path = tmp_path / "new" / "captions.jsonl"
    with sole_writer(path):
        assert path.read_bytes() == b""
        with pytest.raises(SettingError, match="written by one run at a time"), sole_writer(path):
            pass
    with sole_writer(path):
        pass


def test_sole_writer_of_what_is_no_file_says_so(path: Path) -> None:
    for place in (path.parent, Path("/dev/null"), path / "below a file"):
        with pytest.raises(SettingError, match="a file that can be written"), sole_writer(place):
            pass


def test_append_lines_to_a_full_disk_says_so() -> None:
    with pytest.raises(CaptionflowError, match="/dev/full can't be written: No space left"):
        append_lines(Path("/dev/full"), [DOG])
