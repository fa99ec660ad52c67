"""What Beam's flags say about the files that workers share."""

import shlex
from argparse import ArgumentParser

#: URI schemes that mean the same file on every machine.
URIS = ("gs://", "s3://", "file://")


def temp_location(flags: str) -> str:
    """Returns the folder that Beam's own flag `--temp_location` names; empty if there is none.

    The flag says that Beam's workers share no files with this machine, except for this folder.

    Args:
        flags: The setting `beam_flags`.
    """
    parser = ArgumentParser(allow_abbrev=False, add_help=False)
    # With nargs, a flag without its value is empty instead of an exit.
    parser.add_argument("--temp_location", nargs="?", default="", const="")
    known, _ = parser.parse_known_args(shlex.split(flags))
    return str(known.temp_location)
