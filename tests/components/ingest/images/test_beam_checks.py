from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from components.errors import SettingError
from components.ingest.images import beam_checks
from components.ingest.images.beam_checks import check_images


def test_check_images_valid_and_empty(tmp_path: Path, encode: Callable[..., bytes]) -> None:
    paths = {}
    for name, content in (("a.jpg", b""), ("b.jpg", encode()), ("c.png", encode(format="PNG"))):
        path = tmp_path / "photos" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        paths[name] = str(path)
    checks = check_images(list(paths), paths, tmp_path, "")
    assert [(check.image_id, check.reason, check.width) for check in checks.values()] == [
        ("a.jpg", "the file is empty (0 bytes)", 0),
        ("b.jpg", "", 24),
        ("c.png", "", 24),
    ]
    assert [check.image_id for check in checks.failed()] == ["a.jpg"]
    assert list(checks.passed()) == ["b.jpg", "c.png"]


def test_check_images_that_workers_wrote_elsewhere_is_an_error(
    tmp_path: Path,
) -> None:
    images = {f"{number}.jpg": str(tmp_path / f"{number}.jpg") for number in range(40)}
    (work := tmp_path / "work").mkdir()
    with (
        mock.patch.object(beam_checks, "add_checks"),
        pytest.raises(SettingError, match=r"share this machine's files.*0 checks of 40 images"),
    ):
        check_images(list(images), images, work, "")
