"""Reads text aloud with a speech program of this machine."""

import shutil
import subprocess

from components.artifacts.language import UNDETERMINED
from components.errors import CaptionflowError, SettingError

# The first that is installed is used. The second value is the option that selects the voice of a
# language; voices of `say` have names instead.
_PROGRAMS: dict[str, tuple[list[str], str]] = {
    "espeak-ng": ([], "-v"),
    "espeak": ([], "-v"),
    "spd-say": (["--wait"], "-l"),
    "say": ([], ""),
}


def find_speech(language: str = UNDETERMINED) -> list[str]:
    """Returns a command that reads its last argument aloud; append the text to it.

    Args:
        language: The language of the text, a BCP 47 tag; `und`: that of the program's own voice.

    Raises:
        SettingError: If no speech program is installed.
    """
    for program, (options, voice) in _PROGRAMS.items():
        if (path := shutil.which(program)) is not None:
            selected = [voice, language] if voice and language != UNDETERMINED else []
            # `--` ends the options, so any text can follow.
            return [path, *options, *selected, "--"]
    raise SettingError(
        f"--speak needs one of the speech programs {', '.join(_PROGRAMS)}, and none is installed. "
        "On Debian or Ubuntu install the package espeak-ng"
    )


def speak(command: list[str], text: str) -> None:
    """Reads a text aloud, and returns when it is finished.

    Args:
        command: What `find_speech` returned.
        text: The text.

    Raises:
        CaptionflowError: If the program fails.
    """
    try:
        ended = subprocess.run(  # noqa: S603 # a known program; the text is its last argument
            [*command, text], capture_output=True, text=True, errors="replace", check=False
        )
    except (OSError, ValueError) as error:
        raise CaptionflowError(f"{command[0]} can't be started: {error}") from error
    if ended.returncode:
        reason = " ".join(ended.stderr.split()) or f"exit code {ended.returncode}"
        raise CaptionflowError(f"{command[0]} could not read aloud: {reason}")
