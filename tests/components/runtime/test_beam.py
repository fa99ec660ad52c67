import re

import apache_beam as beam
import pytest

from components.errors import DataError, SettingError
from components.runtime.beam import beam_pipeline, unwrapped_errors

ELSEWHERE = "--direct_running_mode=multi_processing --direct_num_workers=2"
KINDS = {"ours": DataError, "defect": RuntimeError, "interruption": KeyboardInterrupt}


def _fail(kind: str) -> None:
    raise KINDS[kind]("the photo [1] is gone")


def _run(kind: str, flags: str = "") -> None:
    with unwrapped_errors(), beam_pipeline(flags) as pipeline:
        _ = pipeline | beam.Create([kind]) | beam.Map(_fail)


@pytest.mark.parametrize("flags", ["", ELSEWHERE], ids=["here", "in another process"])
def test_own_errors_in_a_transform_are_as_they_were_raised(flags: str) -> None:
    with pytest.raises(DataError) as caught:
        _run("ours", flags)
    assert str(caught.value) == "the photo [1] is gone"


@pytest.mark.parametrize("flags", ["", ELSEWHERE], ids=["here", "in another process"])
def test_own_errors_leaves_a_defect_to_tell_its_transform(flags: str) -> None:
    with pytest.raises(RuntimeError, match=r"is gone \[while running"):
        _run("defect", flags)


@pytest.mark.parametrize(
    "text",
    [
        # Of the two errors the last one counts, which is a defect.
        "Traceback (most recent call last):\ncomponents.errors.DataError: gone\n\nDuring "
        "handling of the above exception, another exception occurred:\n\nTraceback (most recent "
        "call last):\nKeyError: 'a' [while running 'Map']\n",
        "DataError: a name alone is no class of ours",
    ],
)
def test_own_errors_leaves_a_traceback_that_ends_otherwise(text: str) -> None:
    with pytest.raises(RuntimeError, match="^" + re.escape(text)), unwrapped_errors():
        raise RuntimeError(text)


def test_own_errors_reads_a_traceback_that_names_no_transform() -> None:
    with pytest.raises(SettingError, match=r"^store must be there$"), unwrapped_errors():
        raise RuntimeError("File\ncomponents.errors.SettingError: store must be there\n")


def test_own_errors_lets_an_interruption_be_one() -> None:
    with pytest.raises(KeyboardInterrupt):
        _run("interruption")
