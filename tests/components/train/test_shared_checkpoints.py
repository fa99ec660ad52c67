import pytest

from components.errors import SettingError
from components.train.shared_checkpoints import require_shared_checkpoints


@pytest.mark.parametrize(
    ("checkpoints", "count", "shared"),
    [
        ("gs://bucket/checkpoints", 2, False),
        ("s3://bucket/checkpoints", 2, None),
        ("/volume", 2, True),
        ("checkpoints", 1, None),
    ],
)
def test_checkpoints_that_all_workers_see_are_accepted(
    checkpoints: str, count: int, shared: bool | None
) -> None:
    require_shared_checkpoints(checkpoints, count, shared=shared)


@pytest.mark.parametrize("shared", [False, None])
def test_checkpoints_on_one_disk_are_refused_with_the_flags_that_exist(shared: bool | None) -> None:
    with pytest.raises(SettingError, match=r"checkpoints.*gs://.*4 workers: /disk") as error:
        require_shared_checkpoints("/disk", 4, shared=shared)
    assert ("--shared-checkpoints" in str(error.value)) == (shared is not None)
