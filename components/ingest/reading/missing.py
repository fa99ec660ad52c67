"""Limits the share of captioned photos that may be missing or have unusable paths."""

import logging
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from components.errors import DataError, one_line
from components.ingest.reading.explanations import missing_example, why_unmatched

logger = logging.getLogger(__name__)


def refuse_missing(
    missing: Collection[str], captioned: int, uncaptioned: Sequence[str], max_missing: float
) -> None:
    """Checks that the share of captioned photos that are missing is within the limit.

    Args:
        missing: Ids of captioned photos that do not exist.
        captioned: Number of captioned photos, at least one.
        uncaptioned: Image files without captions, for the message.
        max_missing: Largest share that may be missing, 0 to 1.

    Raises:
        DataError: If more are missing; the message has the share, the limit and example names.
    """
    if not missing:
        return
    share = len(missing) / captioned
    examples = missing_example(missing, uncaptioned)
    if share > max_missing:
        raise DataError(
            f"{len(missing)} of {captioned} captioned photos are not in the data set: a share of "
            f"{share:.3g}, but max_missing is {max_missing:g}. {examples}. "
            f"{why_unmatched(sorted(missing), uncaptioned)}; or increase max_missing"
        )
    logger.warning(
        "%d of %d captioned photos are missing. %s", len(missing), captioned, one_line(examples)
    )


def refuse_undecodable(paths: Iterable[Path]) -> None:
    """Checks that all paths are valid UTF-8, as the manifest requires.

    Args:
        paths: The photos' files.

    Raises:
        DataError: If any path is not; the message names the first.
    """
    broken = [path for path in paths if not _is_text(str(path))]
    if broken:
        raise DataError(
            f"The paths of {len(broken)} photos are not UTF-8. The first is {broken[0]!r}. Rename "
            "the files or folders: convmv -f latin1 -t utf8 -r --notest FOLDER"
        )


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
