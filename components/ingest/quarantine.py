"""How many images may fail their checks before the data set itself is in doubt."""

import logging
from collections.abc import Sequence

from components.errors import DataError
from components.ingest.image_checks import ImageCheck

logger = logging.getLogger(__name__)

_SHOWN = 3


def refuse_quarantined(checks: Sequence[ImageCheck], max_quarantined: float) -> None:
    """Makes sure that not too large a share of the images failed.

    Args:
        checks: Of all images, at least one.
        max_quarantined: Largest share that may fail, 0 to 1.

    Raises:
        DataError: If more failed; names the share, the limit and the first reasons.
    """
    failed = [check for check in checks if check.reason]
    if not failed:
        return
    reasons = "; ".join(f"{check.image_id}: {check.reason}" for check in failed[:_SHOWN])
    more = f"; and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
    share = len(failed) / len(checks)
    if share > max_quarantined:
        raise DataError(
            f"max_quarantined allows a share of {max_quarantined:g} of the images to fail their "
            f"checks. Received {share:.3g} ({len(failed)} of {len(checks)}). {reasons}{more}. "
            "Mend the images, or raise max_quarantined"
        )
    logger.warning("quarantined %d of %d images. %s%s", len(failed), len(checks), reasons, more)
