"""Runs with fewer rights than root: as another user, or on a read-only root file system."""

import os
from pathlib import Path

from attempts import SETTINGS, Attempt

#: Name of the encoder's folder, which is beside the folder of the work folder.
ENCODER = "encoder"
_USER = 65534  # nobody: a user without a home
# This user may still read the interpreter, wherever it is.
_AS_USER = (
    "env", "-u", "HOME", "setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups",
    "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search",
)  # fmt: skip


def settings_of(root: Path) -> tuple[str, ...]:
    """Returns the settings of a run in a work folder, with an encoder that takes no time."""
    return (*SETTINGS, "--encoder", str(root.parents[1] / ENCODER))


def user_without_a_home(root: Path) -> list[str]:
    """A whole run as an ordinary user, who can write only to the folder of the work folder."""
    folder = root.parent / "nobody"
    (folder / "tmp").mkdir(parents=True)
    for path in (folder, folder / "tmp"):
        os.chown(path, _USER, _USER)
    code, output = Attempt(folder / "runs", settings_of(root), _AS_USER).finish()
    others = [path for path in folder.rglob("*") if path.stat().st_uid != _USER]
    return [*([output] if code else []), *(f"not the user's: {path}" for path in others)]


def read_only_system(root: Path) -> list[str]:
    """A whole run on a read-only root file system, as in a pod; /tmp is on it here."""
    folder = root.parent / "read only"
    (folder / "tmp").mkdir(parents=True)
    # A separate mount, which stays writable.
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro / && cd "$0/tmp" && exec "$@"'
    confined = ("unshare", "--mount", "sh", "-c", script, str(folder))
    code, output = Attempt(folder / "runs", settings_of(root), confined).finish()
    return [output] if code else []


def work_folder_of_another_user(root: Path) -> list[str]:
    """An ordinary user's run in root's work folder, which that user may read."""
    before = _content(root)
    code, output = Attempt(root, settings_of(root), _AS_USER).finish()
    refused = code == 2 and len(output.splitlines()) == 1 and str(root) in output
    return [
        *([] if refused else [output]),
        *(["something changed"] if _content(root) != before else []),
    ]


def _content(root: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in root.rglob("*")}
