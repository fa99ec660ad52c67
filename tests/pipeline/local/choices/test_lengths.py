import json
from pathlib import Path

import pytest

from pipeline.local.choices.lengths import long_captions


def test_long_captions_counts_all_captions_of_a_large_folder(tmp_path: Path) -> None:
    # 200 of the 4,001 photos have a caption of three words, and the others one of one word.
    (tmp_path / "photos").mkdir()
    lines = []
    for number in range(4001):
        (tmp_path / f"photos/{number:04}.jpg").touch()
        caption = "a big dog" if number < 200 else "dog"
        lines.append(json.dumps({"image": f"photos/{number:04}.jpg", "captions": [caption]}))
    (tmp_path / "captions.jsonl").write_text("\n".join(lines))
    found = long_captions(str(tmp_path), 4001, 2)
    assert found is not None
    assert found == (200, 200 / 4001, "words", 3, 1.0)


@pytest.mark.parametrize(
    "dataset",
    [
        "ftp://runs/photos",
        # The system refuses to look for it.
        "a" * 5000,
    ],
)
def test_long_captions_of_a_folder_that_can_not_be_read_leaves_it_to_ingest(dataset: str) -> None:
    assert long_captions(dataset, 1, 20) is None


def test_long_captions_of_a_folder_without_captions_leaves_it_to_ingest(tmp_path: Path) -> None:
    (tmp_path / "captions.jsonl").write_text("{")
    assert long_captions(str(tmp_path), 1, 20) is None
