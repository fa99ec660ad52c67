"""Workers that can't read this machine's files, though beam_flags does not say so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.errors import SettingError
from components.features.extraction import extract_features
from components.ingest.run import ingest_dataset
from components.normalize.normalization import normalize_captions
from components.settings.data import DataSettings
from components.settings.encoder import EncoderSettings

pytestmark = pytest.mark.usefixtures("isolation")


def _ingest(photos: Path, output: Path, flags: str) -> None:
    ingest_dataset(DataSettings(dataset=str(photos), beam_flags=flags), output)


@pytest.fixture
def steps(photos: Path, local: Any) -> dict[str, Callable[[Path, str], Any]]:
    """The three steps by name: functions of the output's directory and beam_flags."""
    return {
        "ingest": lambda output, flags: _ingest(photos, output, flags),
        "normalize": lambda output, flags: normalize_captions(
            local.manifest, output, min_count=1, beam_flags=flags
        ),
        "features": lambda output, flags: extract_features(
            local.manifest,
            local.captions,
            output,
            EncoderSettings(encoder="MobileNetV3Small", store="", beam_flags=flags),
        ),
    }


@pytest.mark.parametrize("step", ["ingest", "normalize", "features"])
def test_step_names_the_flag_that_is_missing(
    step: str,
    steps: Any,
    start_workers: Any,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    workers = start_workers(hide=(tmp_path_factory.getbasetemp(),))
    with pytest.raises(SettingError, match=r"share this machine's files.*--temp_location"):
        steps[step](tmp_path / "output", workers.flags)
    assert not (tmp_path / "output").exists()


def test_step_names_a_temp_location_that_workers_do_not_see(
    photos: Path, start_workers: Any, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    workers = start_workers(hide=(tmp_path_factory.getbasetemp(),))
    flags = f"{workers.flags} --temp_location=file://{tmp_path}/temp"
    with pytest.raises(SettingError, match=r"read and write in its --temp_location"):
        _ingest(photos, tmp_path / "output", flags)
    assert not (tmp_path / "output").exists()
