"""Results that were deleted or damaged are not reused."""

import shutil
from pathlib import Path

import pytest
from cached_steps import plan, run


def test_plan_steps_does_not_reuse_a_result_with_deleted_files(tmp_path: Path) -> None:
    run(tmp_path / "cache", tmp_path)
    shutil.rmtree(tmp_path / "ingest")
    _, planned = plan(tmp_path / "cache")
    assert not planned[0].reused
    assert planned[0].why == "Its earlier result was deleted."


@pytest.mark.parametrize("change", ["flipped", "truncated", "missing", "extra", "no checksums"])
def test_plan_steps_does_not_reuse_a_damaged_result(tmp_path: Path, change: str) -> None:
    run(tmp_path / "cache", tmp_path)
    file = tmp_path / "features" / "file"
    match change:
        case "flipped":
            file.write_bytes(b"Content")
        case "truncated":
            file.write_bytes(b"conten")
        case "missing":
            file.unlink()
        case "extra":
            file = file.with_name("extra")
            file.touch()
        case _:
            file = file.with_name("SHA256SUMS")
            file.unlink()
    ingest, features, train, _ = plan(tmp_path / "cache")[1]
    assert ingest.reused and train.reused and not features.reused
    assert str(file) in features.damage and features.damage in features.why
    # Repaired by the run: the other steps' results were as good as before.
    run(tmp_path / "cache", tmp_path / "new")
    assert all(step.reused for step in plan(tmp_path / "cache")[1][:3])


def test_plan_steps_without_reuse_checks_nothing(tmp_path: Path) -> None:
    run(tmp_path / "cache", tmp_path)
    (tmp_path / "features" / "file").unlink()
    assert not any(step.damage for step in plan(tmp_path / "cache", reuse=False)[1])


def test_plan_steps_does_not_reuse_a_damaged_cache_entry(tmp_path: Path) -> None:
    run(tmp_path / "cache", tmp_path)
    (entry,) = (
        file for file in (tmp_path / "cache").glob("*.json") if b'"manifest"' in file.read_bytes()
    )
    entry.write_bytes(b"\xff" + entry.read_bytes())
    planned = plan(tmp_path / "cache")[1]
    assert [step.reused for step in planned] == [False, True, True, False]


def test_plan_steps_survives_any_file_that_a_power_cut_emptied(tmp_path: Path) -> None:
    root = tmp_path / "work"
    run(root / "cache", root)
    files = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    assert len(files) == 3 * 2 + 3 * 2  # entries and parts of keys; artifacts with checksums
    for file in files:
        copy = shutil.copytree(root, tmp_path / "copy", dirs_exist_ok=True)
        for entry in (copy / "cache").glob("*.json"):
            entry.write_text(entry.read_text().replace(str(root), str(copy)))
        (copy / file).write_bytes(b"")
        reused = [step.reused for step in plan(copy / "cache")[1][:3]]
        # The parts of keys only explain.
        assert reused.count(False) == ("last" not in file.parts), file
        run(copy / "cache", copy)
        assert all(step.reused for step in plan(copy / "cache")[1][:3]), file
