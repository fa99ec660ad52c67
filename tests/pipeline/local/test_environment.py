import os
import sys
from pathlib import Path
from unittest import mock

import pytest
from kfp import dsl, local

from pipeline.config import make_settings
from pipeline.dag import captioning_pipeline
from pipeline.local.environment import MALLOC, arguments_of, set_environment
from pipeline.plan import result_inputs
from pipeline.tasks import steps_of

ROOT = Path("/work folder")


@pytest.mark.parametrize(
    ("given", "store", "checkpoints"),
    [
        ({}, "/work folder/features", "/work folder/checkpoints"),
        ({"store": "/elsewhere"}, "/elsewhere", "/work folder/checkpoints"),
        ({"store": "", "checkpoints": "mine"}, "", "/work folder/mine"),
        ({"store": "gs://b/s", "checkpoints": "s3://b/c"}, "gs://b/s", "s3://b/c"),
        ({"store": "file:///elsewhere"}, "/elsewhere", "/work folder/checkpoints"),
    ],
)
def test_arguments_of_puts_local_folders_into_the_work_folder(
    given: dict[str, str], store: str, checkpoints: str
) -> None:
    arguments = arguments_of(make_settings("sample", given), ROOT)
    assert (arguments["store"], arguments["checkpoints"]) == (store, checkpoints)


def test_location_of_the_feature_store_is_not_decisive() -> None:
    steps = steps_of(captioning_pipeline.pipeline_spec)
    assert "store" in next(step for step in steps if step.name == "features").parameters
    with_store, without = (
        result_inputs(steps, arguments_of(make_settings("sample", {"store": store}), ROOT), {})
        for store in ("features", "")
    )
    assert with_store == without


@dsl.component(base_image="python", install_kfp_package=False)
def fetched_again() -> int:
    """Takes and frees 64 MiB ten times; returns the bytes that the kernel brought meanwhile."""
    import resource

    bytearray(2**26)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        bytearray(2**26)
    pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    return pages * resource.getpagesize()


@pytest.mark.skipif(sys.platform != "linux", reason="the settings are those of glibc")
@pytest.mark.parametrize("kept", [True, False])
def test_set_environment_makes_steps_reuse_freed_memory(tmp_path: Path, kept: bool) -> None:
    with mock.patch.dict(os.environ):
        for name in MALLOC:
            os.environ.pop(name, None)
        if kept:
            set_environment(tmp_path)
        runner = local.SubprocessRunner(use_venv=False)
        local.init(runner, pipeline_root=str(tmp_path))
        fetched = fetched_again().output
    assert fetched < 2**26 if kept else fetched > 9 * 2**26


def test_set_environment_leaves_what_is_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")
    with mock.patch.dict(os.environ):
        set_environment(tmp_path)
        assert os.environ["MALLOC_ARENA_MAX"] == "4"
        assert os.environ["MALLOC_MMAP_MAX_"] == "0"
