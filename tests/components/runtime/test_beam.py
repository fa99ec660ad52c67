import re

import apache_beam as beam
import pytest

from components.errors import DataError, SettingError
from components.runtime.beam import beam_pipeline, unwrapped_errors

MULTI_PROCESSING = "--direct_running_mode=multi_processing --direct_num_workers=2"
KINDS = {"captionflow": DataError, "defect": RuntimeError, "interruption": KeyboardInterrupt}


def _fail(kind: str) -> None:
    raise KINDS[kind]("the photo [1] is gone")


def _run(kind: str, flags: str = "") -> None:
    with unwrapped_errors(), beam_pipeline(flags) as pipeline:
        _ = pipeline | beam.Create([kind]) | beam.Map(_fail)


@pytest.mark.parametrize("flags", ["", MULTI_PROCESSING], ids=["one process", "several"])
def test_unwrapped_errors_raises_our_errors_unchanged(flags: str) -> None:
    with pytest.raises(DataError) as caught:
        _run("captionflow", flags)
    assert str(caught.value) == "the photo [1] is gone"


@pytest.mark.parametrize("flags", ["", MULTI_PROCESSING], ids=["one process", "several"])
def test_unwrapped_errors_keeps_the_transform_of_a_defect(flags: str) -> None:
    with pytest.raises(RuntimeError, match=r"is gone \[while running"):
        _run("defect", flags)


@pytest.mark.parametrize(
    "text",
    [
        # The last of two errors counts; it is a defect.
        "Traceback (most recent call last):\ncomponents.errors.DataError: gone\n\nDuring "
        "handling of the above exception, another exception occurred:\n\nTraceback (most recent "
        "call last):\nKeyError: 'a' [while running 'Map']\n",
        "DataError: a name without our module",
    ],
)
def test_unwrapped_errors_keeps_tracebacks_of_other_errors(text: str) -> None:
    with pytest.raises(RuntimeError, match="^" + re.escape(text)), unwrapped_errors():
        raise RuntimeError(text)


def test_unwrapped_errors_reads_a_traceback_without_a_transform() -> None:
    with pytest.raises(SettingError, match=r"^store must be there$"), unwrapped_errors():
        raise RuntimeError("File\ncomponents.errors.SettingError: store must be there\n")


def test_unwrapped_errors_raises_keyboard_interrupt_again() -> None:
    with pytest.raises(KeyboardInterrupt):
        _run("interruption")
