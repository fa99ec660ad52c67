"""The rules of this step's settings."""

from components.errors import SettingError

#: Of `max_missing`. Larger than for broken photos: part of a download is often enough, but most of
#: a data set missing means that captions and photos do not belong together.
MAX_MISSING = 0.2


def check_settings(
    *,
    scenes: int,
    dev_share: float,
    test_share: float,
    max_quarantined: float,
    max_missing: float,
) -> None:
    """Makes sure that each setting keeps its rule, before any work.

    Raises:
        SettingError: If one does not.
    """
    if scenes < 1:
        raise SettingError(f"scenes must be at least 1. Received: {scenes}")
    for name, share in (("dev_share", dev_share), ("test_share", test_share)):
        if not 0 < share < 1:
            raise SettingError(f"{name} must be between 0 and 1. Received: {share}")
    if dev_share + test_share >= 1:
        raise SettingError(
            "dev_share and test_share must leave photos for train: their sum must be below 1. "
            f"Received: {dev_share} + {test_share}"
        )
    for name, share in (("max_quarantined", max_quarantined), ("max_missing", max_missing)):
        if not 0 <= share <= 1:
            raise SettingError(f"{name} must be a share from 0 to 1. Received: {share}")
