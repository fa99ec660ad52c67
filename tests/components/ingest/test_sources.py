import tarfile
import zipfile
from pathlib import Path

import pytest

from components.errors import DataError, SettingError
from components.ingest.sources import list_files, read_folder, read_source


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
    assert source.layout == layout
    assert source.captions == expected.captions
    assert source.split_lists == expected.split_lists
    assert source.images.keys() == expected.images.keys()
    for name, file in source.images.items():
        assert file.is_relative_to(root if kind == "folder" else tmp_path / "work")
        assert file.read_bytes() == expected.images[name].read_bytes()


def _pack(root: Path, archive: Path, prefix: str) -> Path:
    files = [(file, prefix + str(file.relative_to(root))) for file in list_files(root)]
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
    assert str(caught.value) == (
        f"No captions were recognised in {folder}. Looked for: Flickr8k.token.txt (Flickr8k's "
        "original layout); captions.txt that begins with `image,caption` (the Kaggle layout); "
        "captions_*.json, or a JSON with `images` and `annotations` (COCO captions). "
        "It holds beach/, notes.txt"
    )


def test_read_source_unrecognised_names_a_few(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number:02}.jpg").touch()
    with pytest.raises(DataError, match=r"It holds 00.jpg, .*07.jpg and 12 more$"):
        read_source(str(tmp_path), tmp_path / "work")


def test_read_source_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"It holds nothing$"):
        read_source(str(tmp_path), tmp_path / "work")


def test_read_source_two_layouts(flickr8k: Path, tmp_path: Path) -> None:
    (flickr8k / "captions.txt").write_text("image,caption\na.jpg,A dog\n")
    with pytest.raises(
        DataError,
        match=r"flickr8k \(Flickr8k.token.txt\); kaggle \(captions.txt\)\. Point at the folder",
    ):
        read_source(str(flickr8k), tmp_path / "work")


def test_read_source_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "data.rar").touch()
    with pytest.raises(DataError, match=r"must be a folder, a .zip or a .tar.gz. Received: .*rar"):
        read_source(str(tmp_path / "data.rar"), tmp_path / "work")


def test_read_source_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Nothing lies at this path"):
        read_source(str(tmp_path / "nowhere"), tmp_path / "work")


def test_read_source_other_scheme(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"local or begin with gs://. Received: s3://bucket"):
        read_source("s3://bucket", tmp_path)


def test_read_source_without_name(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"dataset must be .* Received: ''"):
        read_source(" ", tmp_path)


def test_list_files_hidden_ones_left_out(tmp_path: Path) -> None:
    for name in ("b.jpg", "a/c.jpg", ".hidden", "._b.jpg", "__MACOSX/b.jpg", ".git/b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list_files(tmp_path) == [tmp_path / "b.jpg", tmp_path / "a" / "c.jpg"]


def test_list_files_linked_folders_once(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "a.jpg").touch()
    (tmp_path / "disk" / "loop").symlink_to(tmp_path / "data")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "Images").symlink_to(tmp_path / "disk")
    assert list_files(tmp_path / "data") == [tmp_path / "data" / "Images" / "a.jpg"]
