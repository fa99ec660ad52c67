from pathlib import Path

import pytest

from components.describing.speech import find_speech, speak
from components.errors import CaptionflowError, SettingError


def _install(folder: Path, program: str, script: str) -> None:
    path = folder / program
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_find_speech_returns_the_first_installed_program(programs: Path) -> None:
    _install(programs, "say", "exit 0")
    assert find_speech() == [f"{programs}/say", "--"]
    _install(programs, "spd-say", "exit 0")
    assert find_speech() == [f"{programs}/spd-say", "--wait", "--"]
    _install(programs, "espeak-ng", "exit 0")
    assert find_speech() == [f"{programs}/espeak-ng", "--"]


@pytest.mark.parametrize(
    ("program", "options"),
    [("espeak-ng", ["-v", "zh"]), ("spd-say", ["--wait", "-l", "zh"]), ("say", [])],
)
def test_find_speech_selects_the_voice_of_a_language(
    programs: Path, program: str, options: list[str]
) -> None:
    _install(programs, program, "exit 0")
    assert find_speech("zh") == [f"{programs}/{program}", *options, "--"]
    assert find_speech("und") == find_speech()


def test_find_speech_without_a_program_names_the_package_to_install(programs: Path) -> None:
    with pytest.raises(
        SettingError, match=r"--speak needs .* none is installed.* install the package espeak-ng"
    ):
        find_speech()


def test_speak_passes_the_text_on_unchanged(programs: Path, tmp_path: Path) -> None:
    _install(programs, "espeak", f'printf "%s|" "$@" > {tmp_path}/spoken')
    speak(find_speech(), "-v a 'dog'; $HOME")
    assert (tmp_path / "spoken").read_text() == "--|-v a 'dog'; $HOME|"


def test_speak_with_a_failing_program_reports_its_error(programs: Path) -> None:
    _install(programs, "espeak", "echo no sound card >&2; exit 3")
    with pytest.raises(CaptionflowError, match="espeak could not read aloud: no sound card"):
        speak(find_speech(), "a dog")
