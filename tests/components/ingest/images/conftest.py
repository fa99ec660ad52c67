"""Photos, and their checks in a feature store."""

from collections.abc import Callable
from pathlib import Path

import pytest

from components.ingest.images import beam_checks, file_keys
from components.ingest.images.beam_checks import check_images
from components.ingest.images.photo_checks import PhotoChecks


@pytest.fixture
def images(
    tmp_path: Path, encode: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Forty photos, the last of which is empty; their paths by id. They count as old enough."""
    monkeypatch.setattr(file_keys, "_RACY_NANOSECONDS", 0)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(40):
        content = encode(number) if number < 39 else b""
        (folder / f"{number:02}.jpg").write_bytes(content)
    return {path.name: str(path) for path in sorted(folder.iterdir())}


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the photos that are checked, in order; the checks are the real ones."""
    ids: list[str] = []
    check = beam_checks.check_image

    def noted(image_id: str, path: str) -> object:
        ids.append(image_id)
        return check(image_id, path)

    monkeypatch.setattr(beam_checks, "check_image", noted)
    return ids


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., PhotoChecks]:
    """Returns a function that checks images in a run of its own, with a store."""
    runs = iter(range(100))

    def run(images: dict[str, str], store: str = "store") -> PhotoChecks:
        work = tmp_path / f"run-{next(runs)}"
        work.mkdir()
        return check_images(list(images), images, work, "", store=str(tmp_path / store))

    return run
