"""The rules for settings that apply to the step's own pod, or to several workers, but not to both.

A package that was compiled with one set of values may be started with others, so the step checks
them again.
"""

from components.errors import SettingError


def require_one_kind_of_pod(workers: int, gpus: int, worker_gpus: int) -> None:
    """Checks that GPUs are requested only for pods that train.

    Args:
        workers: The setting `train_workers`.
        gpus: The setting `gpus`, of the step's own pod.
        worker_gpus: The setting `worker_gpus`, of each of several workers.

    Raises:
        SettingError: If they are requested for others.
    """
    if workers > 1 and gpus:
        raise SettingError(
            "gpus must be 0 if train_workers is above 1: the pod of the step only waits, and "
            f"worker_gpus is for the workers. Received: {gpus} with {workers} workers"
        )
    if workers == 1 and worker_gpus:
        raise needs_several_workers("worker_gpus", worker_gpus)


def needs_several_workers(name: str, value: object) -> SettingError:
    """Returns the error for a setting of workers that is given although there is only one."""
    return SettingError(
        f"{name} needs train_workers above 1. Received: {value} with 1 worker. For one pod, set "
        "gpus and train_image"
    )
