from pathlib import Path

from components.artifacts.fingerprint import fingerprint_file, fingerprint_tree, fingerprint_value

# `printf abc | sha256sum`, the example of the standard.
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_fingerprint_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert fingerprint_file(tmp_path / "file") == ABC
    assert fingerprint_tree(tmp_path / "file") == ABC


def test_fingerprint_value_ignores_the_order_of_keys() -> None:
    assert fingerprint_value({"a": 1, "b": 2}) == fingerprint_value({"b": 2, "a": 1})
    assert fingerprint_value({"a": 1}) != fingerprint_value({"a": 2})


def test_fingerprint_tree_ignores_the_location(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "file").write_bytes(b"abc")
    assert fingerprint_tree(tmp_path / "here") == fingerprint_tree(tmp_path / "there")


def test_fingerprint_tree_covers_names_and_content(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    first = fingerprint_tree(tmp_path)
    (tmp_path / "file").rename(tmp_path / "other")
    renamed = fingerprint_tree(tmp_path)
    (tmp_path / "other").write_bytes(b"abd")
    assert len({first, renamed, fingerprint_tree(tmp_path)}) == 3


def test_fingerprint_tree_follows_links(tmp_path: Path) -> None:
    far, near = tmp_path / "far", tmp_path / "near"
    far.mkdir()
    near.mkdir()
    (far / "photo.jpg").write_text("one")
    (near / "Images").symlink_to(far)
    (far / "back").symlink_to(near)  # a cycle must end
    before = fingerprint_tree(near)
    (far / "photo.jpg").write_text("other")
    assert fingerprint_tree(near) != before
