"""Says text aloud, with a program of this machine."""

import shutil
import subprocess

from components.errors import CaptionflowError, SettingError

# In this order: the first that is installed. `--` ends their options, whatever the text is.
_PROGRAMS = {
    "espeak-ng": ["--"],
    "espeak": ["--"],
    "spd-say": ["--wait", "--"],
    "say": ["--"],
}


def find_speech() -> list[str]:
    """Returns the command that says aloud what is put to its end.

    Raises:
        SettingError: If no speech program is installed.
    """
    for program, options in _PROGRAMS.items():
        if (path := shutil.which(program)) is not None:
            return [path, *options]
    raise SettingError(
        f"--speak needs one of the speech programs {', '.join(_PROGRAMS)}: on Debian or Ubuntu "
        "install the package espeak-ng. Received: none of them is installed"
    )


def speak(command: list[str], text: str) -> None:
    """Says a text aloud, and returns when it is said.

    Raises:
        CaptionflowError: If the program fails.
    """
    try:
        ended = subprocess.run(  # noqa: S603 # a program found by name, the text its last argument
            [*command, text], capture_output=True, text=True, errors="replace", check=False
        )
    except (OSError, ValueError) as error:
        raise CaptionflowError(f"{command[0]} can't be started: {error}") from error
    if ended.returncode:
        told = " ".join(ended.stderr.split()) or f"exit code {ended.returncode}"
        raise CaptionflowError(f"{command[0]} could not speak: {told}")
