"""The Git commit of this code."""

import subprocess
from pathlib import Path
from typing import NamedTuple

# Any file of this project that Git tracks.
_FILE = Path(__file__).resolve()
_TIMEOUT = 10  # seconds


class Commit(NamedTuple):
    """A commit.

    Attributes:
        hash: 40 hex digits.
        modified: Whether tracked files differ from it.
    """

    hash: str
    modified: bool

    def __str__(self) -> str:
        """Returns the hash, and whether files differ from it."""
        return f"{self.hash}{' with changes that are not committed' if self.modified else ''}"


def git_commit() -> Commit | None:
    """Returns the commit that is checked out.

    Returns:
        None if this code is not in a Git checkout (as in the container image), or Git is not
        installed.
    """
    try:
        # Code installed inside somebody else's repository is not tracked there.
        _git("ls-files", "--error-unmatch", _FILE.name)
        commit = _git("rev-parse", "HEAD").strip()
        return Commit(commit, bool(_git("status", "--porcelain", "--untracked-files=no")))
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str) -> str:
    return subprocess.run(  # noqa: S603 # fixed arguments, without a shell
        ["git", *arguments],  # noqa: S607 # the user's own Git
        cwd=_FILE.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=_TIMEOUT,
    ).stdout
