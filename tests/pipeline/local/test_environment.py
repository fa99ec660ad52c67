from pathlib import Path

import pytest

from pipeline.dag import captioning_pipeline
from pipeline.local.environment import arguments_of
from pipeline.plan import result_inputs
from pipeline.presets import make_settings
from pipeline.tasks import steps_of

ROOT = Path("/work folder")


@pytest.mark.parametrize(
    ("given", "store", "checkpoints"),
    [
        ({}, "/work folder/features", "/work folder/checkpoints"),
        ({"store": "/elsewhere"}, "/elsewhere", "/work folder/checkpoints"),
        ({"store": "", "checkpoints": "mine"}, "", "/work folder/mine"),
        ({"store": "gs://b/s", "checkpoints": "gs://b/c"}, "gs://b/s", "gs://b/c"),
    ],
)
def test_arguments_of_puts_local_folders_into_the_work_folder(
    given: dict[str, str], store: str, checkpoints: str
) -> None:
    arguments = arguments_of(make_settings("sample", given), ROOT)
    assert (arguments["store"], arguments["checkpoints"]) == (store, checkpoints)


def test_where_features_are_kept_decides_no_result() -> None:
    steps = steps_of(captioning_pipeline.pipeline_spec)
    assert "store" in next(step for step in steps if step.name == "features").parameters
    with_store, without = (
        result_inputs(steps, arguments_of(make_settings("sample", {"store": store}), ROOT), {})
        for store in ("features", "")
    )
    assert with_store == without
    # Nor is it a reason to train.
    assert "store" not in next(step for step in steps if step.name == "trigger").parameters
