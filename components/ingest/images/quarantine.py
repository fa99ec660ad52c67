"""Limits the share of images that may fail their checks."""

import logging
from collections.abc import Sequence

from components.errors import DataError, one_line
from components.ingest.images.checks import ImageCheck

logger = logging.getLogger(__name__)

_SHOWN = 3


def refuse_quarantined(failed: Sequence[ImageCheck], checked: int, max_quarantined: float) -> None:
    """Checks that the share of images that failed is within the limit.

    Args:
        failed: The checks of the images that failed.
        checked: Number of images, at least one.
        max_quarantined: The largest share that may fail, 0 to 1.

    Raises:
        DataError: If more failed; the message has the share, the limit and the first reasons.
    """
    if not failed:
        return
    reasons = "; ".join(f"{check.image_id}: {check.reason}" for check in failed[:_SHOWN])
    more = f"; and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
    share = len(failed) / checked
    if share > max_quarantined:
        raise DataError(
            f"{len(failed)} of {checked} images failed their checks: a share of {share:.3g}, "
            f"but max_quarantined is {max_quarantined:g}. {reasons}{more}. Repair the images, or "
            "increase max_quarantined"
        )
    shown = one_line(f"{reasons}{more}")
    logger.warning("Quarantined %d of %d images. %s", len(failed), checked, shown)
