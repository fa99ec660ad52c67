from disks import Disk

from components.storage.durability import sync_tree


def test_only_a_synced_folder_survives_a_power_cut(disk: Disk) -> None:
    for name in ("synced", "not"):
        (disk.path / name / "deeper").mkdir(parents=True)
        (disk.path / name / "deeper" / "file").write_text("a dog runs")
    sync_tree(disk.path / "synced")
    disk.cut_power()
    assert (disk.path / "synced" / "deeper" / "file").read_text() == "a dog runs"
    file = disk.path / "not" / "deeper" / "file"
    assert not file.exists() or not file.read_text()


def test_synced_file_survives_a_power_cut(disk: Disk) -> None:
    (disk.path / "file").write_text("a dog runs")
    sync_tree(disk.path / "file")
    disk.cut_power()
    assert (disk.path / "file").read_text() == "a dog runs"
