"""How many captioned photos may be missing before the data set itself is in doubt."""

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from components.errors import DataError, one_line
from components.ingest.reading.explanations import missing_example, why_unmatched

logger = logging.getLogger(__name__)


def refuse_missing(
    missing: Collection[str], captioned: int, uncaptioned: Sequence[str], max_missing: float
) -> None:
    """Makes sure that not too large a share of the captioned photos is missing.

    Args:
        missing: Ids of captioned photos that are not there.
        captioned: How many photos have captions, at least one.
        uncaptioned: Image files without captions, for the message.
        max_missing: Largest share that may be missing, 0 to 1.

    Raises:
        DataError: If more are; names the share, the limit, and names of both sides.
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


def refuse_undecodable(images: Mapping[str, Path]) -> None:
    """Makes sure that all paths are UTF-8: a manifest can't hold others.

    Args:
        images: Files by photo id.

    Raises:
        DataError: If some are not; names the first.
    """
    broken = [path for path in images.values() if not _is_text(str(path))]
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
