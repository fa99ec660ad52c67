from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tiny_encoder import write_encoder

BENCHMARKS = Path(__file__).parent
PHOTOS = 200


@pytest.fixture(autouse=True)
def scripts_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripts import one another as if run from their own folder."""
    monkeypatch.syspath_prepend(BENCHMARKS)


def test_steps_replace_what_the_pipeline_calls_and_count_each_photo(tmp_path: Path) -> None:
    steps: Any = import_module("scale_steps")
    import_module("scale_photos").draw_dataset(tmp_path / "photos", PHOTOS, 1)
    encoder = write_encoder(tmp_path / "encoder", side=32, width=8)
    given = {"dataset": str(tmp_path / "photos"), "encoder": str(encoder), "rate": 1e6}
    facts, counted = dict[str, int](), dict[str, int]()
    for step in ("ingest", "normalize", "features"):
        journal = steps.Journal(tmp_path / f"{step}.journal")
        facts |= steps.STEPS[step](tmp_path, journal, given)
        counted[step] = journal.units()
    assert (facts["photos"], facts["encoded"]) == (PHOTOS, PHOTOS)
    assert counted == {"ingest": PHOTOS, "normalize": 0, "features": PHOTOS}
