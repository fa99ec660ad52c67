"""The rule for the setting `checkpoints` if several workers train together."""

from components.errors import SettingError
from components.storage.filesystem import is_remote


def require_shared_checkpoints(
    checkpoints: str, workers: int, *, shared: bool | None = None
) -> None:
    """Checks that all workers can resume from the checkpoints, which only the chief writes.

    Args:
        checkpoints: The setting.
        workers: Number of workers.
        shared: Whether a local path is a folder that all workers share, as the worker's flag
            `--shared-checkpoints` states; None where there is no such flag.

    Raises:
        SettingError: If there are several workers, and the path may be on one worker's disk.
    """
    if workers == 1 or shared or is_remote(checkpoints):
        return
    flag = ", or pass --shared-checkpoints if it is on a volume that they share"
    raise SettingError(
        "checkpoints must be where all workers see it: set it to a folder in a bucket (gs://, "
        f"s3://){'' if shared is None else flag}. Received for {workers} workers: {checkpoints}"
    )
