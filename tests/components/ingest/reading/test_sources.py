import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError, SettingError
from components.ingest.files.data_files import list_data_files, list_files
from components.ingest.reading.explanations import nothing_matched
from components.ingest.reading.sources import read_folder, read_source
from components.storage.reading import read_bytes
from components.storage.transfer import RemoteFile


@pytest.mark.parametrize("layout", ["flickr8k", "kaggle", "coco"])
@pytest.mark.parametrize("kind", ["folder", "zip", "tar.gz"])
@pytest.mark.parametrize("enclosed", [True, False])
def test_read_source_each_layout(
    layout: str, kind: str, enclosed: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    root: Path = request.getfixturevalue(layout)
    expected = read_folder(root, layout)
    path = root.parent if enclosed and kind == "folder" else root
    if kind != "folder":
        path = _pack(root, tmp_path / f"data.{kind}", f"{root.name}/" if enclosed else "")
    source = read_source(str(path), tmp_path / "work")
    assert source.layout == expected.layout
    assert source.captions == expected.captions
    assert source.splits == expected.splits
    assert source.images.keys() == expected.images.keys()
    for name, file in source.images.items():
        assert file.is_relative_to(root if kind == "folder" else tmp_path / "work")
        assert file.read_bytes() == expected.images[name].read_bytes()


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_read_source_in_a_bucket(kaggle: Path, kind: str, remote: Any, tmp_path: Path) -> None:
    expected = read_folder(kaggle, "kaggle")
    if kind == "zip":
        packed = _pack(kaggle, tmp_path / "data.zip", "")
        remote.write("sets/data.zip", packed.read_bytes())
    else:
        for file in map(kaggle.joinpath, list_files(kaggle)):
            remote.write(f"sets/data.zip/{file.relative_to(kaggle).as_posix()}", file.read_bytes())
    source = read_source(f"{remote.uri}/sets/data.zip", tmp_path / "work")
    assert source.captions == expected.captions
    for name, file in source.images.items():
        assert file.is_relative_to(tmp_path / "work")
        assert file.read_bytes() == expected.images[name].read_bytes()


@pytest.mark.parametrize("layout", ["flickr8k", "kaggle", "coco"])
@pytest.mark.parametrize("enclosed", [True, False])
def test_read_source_leaves_photos_in_a_bucket(
    layout: str, enclosed: bool, remote: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    root: Path = request.getfixturevalue(layout)
    expected = read_folder(root, layout)
    for file in map(root.joinpath, list_files(root)):
        name = file.relative_to(root.parent if enclosed else root).as_posix()
        remote.write(f"sets/{name}", file.read_bytes())
    remote.write("sets/.hidden/a.jpg", b"")
    source = read_source(f"{remote.uri}/sets/", tmp_path / "work", leave_photos=True)
    assert source.captions == expected.captions
    assert source.splits == expected.splits
    assert source.uri == f"{remote.uri}/sets/{root.name}" if enclosed else f"{remote.uri}/sets"
    assert list(source.images) == list(expected.images)
    for photo, file in source.images.items():
        assert not file.exists()
        name = file.relative_to(source.root).as_posix()
        content = expected.images[photo].read_bytes()
        assert read_bytes(f"{source.uri}/{name}") == content
        size, checksum = source.versions[photo].split(" ")
        assert int(size) == len(content)
        assert checksum


def test_list_data_files_compares_photos_in_a_bucket_by_their_checksums(tmp_path: Path) -> None:
    (tmp_path / "here.jpg").write_bytes(b"dog")
    checksums = {"a.jpg": "1", "b/a.jpg": "1", "c/a.jpg": "2", "._d.jpg": "1", ".e/f.jpg": "1"}
    remote = {
        tmp_path / name: RemoteFile(name, f"gs://runs/{name}", 3, checksum)
        for name, checksum in checksums.items()
    }
    files = list_data_files(tmp_path, remote)
    # In the order of os.walk, without hidden ones.
    assert list(files.paths) == ["a.jpg", "here.jpg", "b/a.jpg", "c/a.jpg"]
    assert files.are_same(["a.jpg", "b/a.jpg"])
    assert not files.are_same(["a.jpg", "c/a.jpg"])
    assert not files.are_same(["here.jpg", "a.jpg"])


def _pack(root: Path, archive: Path, prefix: str) -> Path:
    files = [(root / name, prefix + name) for name in list_files(root)]
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as packed:
            for file, name in files:
                packed.write(file, name)
    else:
        with tarfile.open(archive, "w:gz") as packed_tar:
            for file, name in files:
                packed_tar.add(file, name)
    return archive


def test_read_source_relative_path_becomes_absolute(
    flickr8k: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(flickr8k.parent)
    source = read_source("flickr8k", tmp_path / "work")
    assert source.images["a.jpg"] == flickr8k / "Flicker8k_Dataset" / "a.jpg"


def test_read_source_unrecognised(tmp_path: Path) -> None:
    folder = tmp_path / "holiday"
    (folder / "beach").mkdir(parents=True)
    (folder / "notes.txt").touch()
    with pytest.raises(DataError) as caught:
        read_source(str(folder), tmp_path / "work")
    message = str(caught.value)
    assert f"No captions were recognised in {folder}" in message
    for layout in ("JSON", "Flickr8k.token.txt", "image,caption", "captions_*.json", "Karpathy"):
        assert layout in message
    assert "It holds 1 files (1 .txt). notes.txt begins with ''" in message


def test_read_source_unrecognised_quotes_a_table_header(tmp_path: Path) -> None:
    (tmp_path / "captions.csv").write_text("name;words\na.jpg;A dog\n")
    with pytest.raises(DataError, match=r"captions.csv begins with 'name;words'.*image,caption"):
        read_source(str(tmp_path), tmp_path / "work")


def test_read_source_of_archives_in_a_folder_says_to_unpack_them(tmp_path: Path) -> None:
    for name in ("Flickr8k_Dataset.zip", "Flickr8k_text.zip"):
        (tmp_path / name).touch()
    with pytest.raises(
        DataError, match=r"2 files \(2 .zip\).*Unpack Flickr8k_Dataset.zip, Flickr8k_text.zip"
    ):
        read_source(str(tmp_path), tmp_path / "work")


def test_read_source_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"It holds no files"):
        read_source(str(tmp_path), tmp_path / "work")


def test_read_source_two_layouts_of_other_captions(flickr8k: Path, tmp_path: Path) -> None:
    (flickr8k / "captions.txt").write_text("image,caption\na.jpg,A dog\n")
    with pytest.raises(DataError, match=r"Flickr8k.token.txt and captions.txt have .* a.jpg"):
        read_source(str(flickr8k), tmp_path / "work")


def test_read_source_two_layouts_of_other_photos(flickr8k: Path, tmp_path: Path) -> None:
    (flickr8k / "captions.txt").write_text("image,caption\nz.jpg,A dog\n")
    with pytest.raises(
        DataError, match=r"Flickr8k.token.txt \(flickr-token\); captions.txt \(csv\)"
    ):
        read_source(str(flickr8k), tmp_path / "work")


def test_read_source_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "data.rar").touch()
    with pytest.raises(DataError, match=r"must be a folder, a .zip or a .tar.gz. Received: .*rar"):
        read_source(str(tmp_path / "data.rar"), tmp_path / "work")


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize(
    "name", ["what? #1 100%", "%2e%2e", "two\nlines", 'it\'s "so"', "[a]*{b}~"]
)
def test_read_source_at_a_path_of_any_characters(
    kaggle: Path, tmp_path: Path, name: str, kind: str
) -> None:
    folder = kaggle.rename(tmp_path / name)
    path = folder if kind == "folder" else _pack(folder, tmp_path / f"{name}.zip", "")
    source = read_source(str(path), tmp_path / "work")
    assert len(source.images) == len(source.captions) == 40
    assert all(file.is_file() for file in source.images.values())


@pytest.mark.parametrize(
    "name", ["a\nb.jpg", "\x1b[31m.jpg", "n" * 251 + ".jpg", "what?#%.jpg", "a\x7f\u2028b.jpg"]
)
def test_read_source_of_photos_with_any_names(
    dataset: Callable[[dict[str, Any]], Path], tmp_path: Path, name: str
) -> None:
    line = json.dumps({"image": name, "caption": "A dog"})
    folder = dataset({"captions.jsonl": line, f"Images/{name}": 1})
    path = _pack(folder, tmp_path / "data.zip", "")
    for source in (read_folder(folder, "set"), read_source(str(path), tmp_path / "work")):
        assert source.images.keys() == source.captions.keys() == {name}


@pytest.mark.parametrize("name", ["n" * 300, "a\0b", "d/" * 3_000, "\x1b]0;title\x07", "a\nb"])
def test_read_source_names_that_are_not_there_make_one_line(
    dataset: Callable[[dict[str, Any]], Path], name: str
) -> None:
    line = json.dumps({"image": f"{name}.jpg", "caption": "A dog"})
    folder = dataset({"captions.jsonl": line, "train.txt": name, "other.jpg": 1})
    source = read_folder(folder, "set")
    assert not source.images
    message = str(DataError(nothing_matched(source, source.captions, "set")))
    assert len(message) < 1_000
    assert message.isprintable()


def test_read_source_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is nothing at this path"):
        read_source(str(tmp_path / "nowhere"), tmp_path / "work")


def test_read_source_other_scheme(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"local or begin with gs://.* Received: ftp://bucket"):
        read_source("ftp://bucket", tmp_path)


def test_read_source_without_name(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"dataset must be .* Received: ''"):
        read_source(" ", tmp_path)


def test_list_files_hidden_ones_left_out(tmp_path: Path) -> None:
    # A photo's own name may begin with a dot.
    for name in ("b.jpg", "a/c.jpg", ".d.jpg", "._b.jpg", "__MACOSX/b.jpg", ".git/b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list(list_files(tmp_path)) == [".d.jpg", "b.jpg", "a/c.jpg"]


def test_list_files_linked_folders_once(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "a.jpg").touch()
    (tmp_path / "disk" / "loop").symlink_to(tmp_path / "data")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "Images").symlink_to(tmp_path / "disk")
    assert list(list_files(tmp_path / "data")) == ["Images/a.jpg"]
