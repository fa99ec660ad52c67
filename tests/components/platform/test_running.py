import logging

import pytest

from components.platform.errors import CaptionflowError, DataError, SettingError
from components.platform.running import running


def test_running_logs_lines_and_the_time_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    with running("ingest"):
        logging.getLogger("components.ingest").info("8 photos")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "[ingest] 8 photos"
    assert lines[1].startswith("TOOK ingest: 0.0")


def test_running_keeps_libraries_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with running("ingest"):
        logging.getLogger("apache_beam.runners").info("a bundle")
        logging.getLogger("apache_beam.runners").warning("a worker died")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "WARNING:apache_beam.runners:a worker died"


@pytest.mark.parametrize(
    ("error", "code"), [(CaptionflowError, 1), (SettingError, 2), (DataError, 3)]
)
def test_running_failure_of_ours_is_one_line_with_its_code(
    error: type[CaptionflowError], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught, running("ingest"):
        raise error("epochs must be\n  positive.\nReceived: -1")
    assert caught.value.code == code
    assert capsys.readouterr().out == "FAILED ingest: epochs must be positive. Received: -1\n"


def test_running_defect_shows_its_traceback_and_ends_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught, running("train"):
        {}["loss"]
    assert caught.value.code == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "FAILED train: KeyError: 'loss'"


def test_running_interrupted_ends_in_130(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, running("train"):
        raise KeyboardInterrupt
    assert caught.value.code == 130
    assert capsys.readouterr().out == "FAILED train: interrupted\n"
