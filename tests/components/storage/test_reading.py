from typing import Any

import pytest

from components.errors import SettingError
from components.storage.reading import FileTooLargeError, read_bytes, read_start
from components.storage.transfer import exists, path_or_content, remove_folder


def test_read_bytes_gives_the_content_if_it_is_small_enough(store: Any) -> None:
    store.write("a.txt", b"dog")
    assert read_bytes(f"{store.uri}/a.txt") == b"dog"
    assert read_bytes(f"{store.uri}/a.txt", most=3) == b"dog"
    with pytest.raises(FileTooLargeError, match=r"^3$"):
        read_bytes(f"{store.uri}/a.txt", most=2)


def test_read_bytes_of_an_empty_file(store: Any) -> None:
    store.write("empty", b"")
    assert read_bytes(f"{store.uri}/empty", most=2) == b""
    assert read_start(f"{store.uri}/empty") == b""


def test_read_bytes_of_a_missing_file_is_an_os_error(store: Any) -> None:
    store.write("a.txt", b"dog")
    with pytest.raises(FileNotFoundError):
        read_bytes(f"{store.uri}/b.txt", most=9)


def test_read_bytes_in_a_missing_bucket_names_the_bucket(remote: Any) -> None:
    with pytest.raises((FileNotFoundError, SettingError), match="walks"):
        read_bytes(remote.uri.replace("runs", "walks") + "/a.txt")


def test_read_start_reads_a_byte(store: Any) -> None:
    store.write("a.txt", b"dog")
    assert read_start(f"{store.uri}/a.txt") == b"d"
    with pytest.raises(FileNotFoundError, match=r"b\.txt"):
        read_start(f"{store.uri}/b.txt")


def test_path_or_content_reads_objects_only(store: Any) -> None:
    store.write("a.txt", b"dog")
    uri = f"{store.uri}/a.txt"
    assert path_or_content(uri) == (uri if store.kind == "file" else b"dog")


def test_remove_folder_removes_all_files_of_it_alone(store: Any) -> None:
    for name in ("a/b/c.txt", "a/.d", "ab.txt"):
        store.write(name, b"dog")
    remove_folder(f"{store.uri}/a")
    assert store.content().keys() == {"ab.txt"}
    remove_folder(f"{store.uri}/a")
    assert not exists(f"{store.uri}/a")
