import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from components.features.eviction import choose_evicted, survey

KEYS = {"old": "a" * 64, "new": "b" * 64}
NOW = datetime(2026, 11, 30, tzinfo=UTC)


def _spec(which: str) -> str:
    # Specs of older versions have no precision.
    more = ', "precision": "bfloat16"' if which == "new" else ""
    return f'{{"network": "{which}", "weights": "file"{more}}}'


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with two shards each of an old and a new encoder, and a file of someone else."""
    root = tmp_path / "features"
    for which, days in (("old", (90, 40)), ("new", (40, 1))):
        folder = root / KEYS[which]
        folder.mkdir(parents=True)
        (folder / f"{'1' * 64}.json").write_text(_spec(which))
        kind = "h5" if which == "old" else "onnx"
        (folder / f"{'2' * 64}.{kind}").write_bytes(bytes(1000))
        for number, age in enumerate(days):
            path = folder / f"{str(number) * 64}-{10 * age}.npy"
            path.write_bytes(bytes(100))
        for path in folder.iterdir():
            age = days[0] if path.name.startswith("0") else days[1]
            moment = (NOW - timedelta(days=age)).timestamp()
            os.utime(path, (moment, moment))
    (root / "notes.txt").write_text("mine")
    return root


def test_survey_lists_the_most_recently_used_encoder_first(store: Path) -> None:
    new, old = survey(str(store))
    assert (new.name, new.key) == ("new, file, bfloat16", KEYS["new"])
    assert (old.name, old.key) == ("old, file, float32", KEYS["old"])
    assert [(each.entries, len(each.files)) for each in (new, old)] == [(410, 4), (1300, 4)]
    assert new.used == NOW - timedelta(days=1)
    assert new.size == 1200 + len(_spec("new"))


def test_survey_of_a_missing_store_is_empty(tmp_path: Path) -> None:
    assert survey(str(tmp_path / "none")) == []


def _chosen(store: Path, **rule: Any) -> list[str]:
    files = choose_evicted(survey(str(store)), now=NOW, **rule)
    return [f"{file.name[0]} {file.name[65]} {Path(file.name).suffix}" for file in files]


def test_choose_evicted_takes_files_unused_for_too_long(store: Path) -> None:
    assert _chosen(store, older_than=timedelta(days=60)) == ["a 0 .npy"]
    # The encoder is evicted with the last of its shards.
    assert sorted(_chosen(store, older_than=timedelta(days=20))) == [
        "a 0 .npy", "a 1 .json", "a 1 .npy", "a 2 .h5", "b 0 .npy",
    ]  # fmt: skip
    assert _chosen(store, older_than=timedelta(days=100)) == []


def test_choose_evicted_leaves_at_most_keep_bytes(store: Path) -> None:
    size = sum(encoder.size for encoder in survey(str(store)))
    assert _chosen(store, keep_bytes=size) == []
    assert _chosen(store, keep_bytes=size - 1) == ["a 0 .npy"]
    assert len(_chosen(store, keep_bytes=size - 200)) > 1
    assert len(_chosen(store, keep_bytes=0)) == 8


def test_survey_and_eviction_take_the_checks_of_photos_as_one(tmp_path: Path) -> None:
    for number in "12":
        file = tmp_path / KEYS["old"] / f"{number * 64}-512.parquet"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(bytes(100))
    [checks] = survey(str(tmp_path))
    assert "checks of photos" in checks.name
    assert (checks.entries, checks.size) == (1024, 200)
    assert len(_chosen(tmp_path, keep_bytes=199)) == 2
    assert _chosen(tmp_path, keep_bytes=200) == []


def test_choose_evicted_takes_an_encoder_without_shards_by_its_own_age(store: Path) -> None:
    for path in (store / KEYS["old"]).glob("*.npy"):
        path.unlink()
    assert sorted(_chosen(store, older_than=timedelta(days=30))) == [
        "a 1 .json", "a 2 .h5", "b 0 .npy",
    ]  # fmt: skip
