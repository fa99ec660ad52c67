"""Workers that can't read this machine's files, though beam_flags does not say so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from beam_steps import Steps

from components.errors import SettingError

pytestmark = pytest.mark.usefixtures("isolation")


@pytest.fixture(params=["ingest", "normalize", "features"])
def step(
    request: pytest.FixtureRequest, engine: Any, photos: Path, local: Any
) -> Callable[[Path], Path]:
    """A step: a function of the output's directory."""
    steps = Steps(engine.flags)
    functions: dict[str, Callable[[Path], Path]] = {
        "ingest": lambda output: steps.ingest(str(photos), output),
        "normalize": lambda output: steps.normalize(local.manifest, output),
        "features": lambda output: steps.features(local.manifest, local.captions, output),
    }
    return functions[request.param]


def test_step_names_the_flag_that_is_missing(step: Callable[[Path], Path], tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"share this machine's files.*--temp_location"):
        step(tmp_path / "output")
    assert not (tmp_path / "output").exists()


def test_step_names_a_temp_location_that_workers_do_not_see(
    engine: Any, photos: Path, tmp_path: Path
) -> None:
    flags = f"{engine.flags} --temp_location=file://{tmp_path}/temp"
    steps = Steps(flags, store=f"file://{tmp_path}/store")
    with pytest.raises(SettingError, match=r"read and write in its --temp_location"):
        steps.ingest(str(photos), tmp_path / "output")
    assert not (tmp_path / "output").exists()
