import os
from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to

from components.errors import SettingError
from components.ingest.images.beam_checks import CheckImages, check_images, read_checks
from components.runtime.beam import beam_pipeline


def test_check_images_valid_and_empty(tmp_path: Path, encode: Callable[..., bytes]) -> None:
    paths = {}
    for name, content in (("b.jpg", encode()), ("a.jpg", b""), ("c.png", encode(format="PNG"))):
        path = tmp_path / name
        path.write_bytes(content)
        paths[name] = str(path)
    checks = check_images(paths, tmp_path, "")
    assert [(check.image_id, check.reason, check.width, check.height) for check in checks] == [
        ("a.jpg", "the file is empty (0 bytes)", 0, 0),
        ("b.jpg", "", 24, 20),
        ("c.png", "", 24, 20),
    ]


def test_check_images_below_a_folder_with_a_latin1_name(
    tmp_path: Path, encode: Callable[..., bytes]
) -> None:
    folder = tmp_path / os.fsdecode(b"fotograf\xedas")
    folder.mkdir()
    (folder / "b.jpg").write_bytes(encode())
    (tmp_path / "a.jpg").write_bytes(encode())
    paths = {"b.jpg": str(folder / "b.jpg"), "a.jpg": str(tmp_path / "a.jpg")}
    valid, invalid = check_images(paths, tmp_path, "")
    assert (valid.image_id, valid.reason) == ("a.jpg", "")
    assert invalid.image_id == "b.jpg"
    assert "not valid UTF-8" in invalid.reason


def test_check_images_as_a_transform(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    with beam_pipeline() as pipeline:
        images = pipeline | beam.Create([("a.jpg", str(tmp_path / "a.jpg"))])
        reasons = images | CheckImages() | beam.Map(lambda check: (check.image_id, check.reason))
        assert_that(reasons, equal_to([("a.jpg", "the file is empty (0 bytes)")]))


def test_read_checks_missing_checks_are_an_error(tmp_path: Path) -> None:
    flags = "--runner=DataflowRunner"
    with pytest.raises(SettingError, match=r"share this machine's files.*0 checks of 3 images"):
        read_checks(tmp_path, 3, flags)
