import apache_beam as beam
import pytest

from components.platform.beam import beam_pipeline, own_errors
from components.platform.errors import DataError

KINDS = {"ours": DataError, "defect": RuntimeError, "interruption": KeyboardInterrupt}


def _fail(kind: str) -> None:
    raise KINDS[kind]("the photo [1] is gone")


def _run(kind: str, flags: str = "") -> None:
    with own_errors(), beam_pipeline(flags) as pipeline:
        _ = pipeline | beam.Create([kind]) | beam.Map(_fail)


@pytest.mark.parametrize(
    "flags",
    ["", "--direct_running_mode=multi_processing --direct_num_workers=2"],
    ids=["here", "in another process"],
)
def test_own_errors_in_a_transform_are_as_they_were_raised(flags: str) -> None:
    with pytest.raises(DataError) as caught:
        _run("ours", flags)
    assert str(caught.value) == "the photo [1] is gone"


def test_own_errors_leaves_a_defect_to_tell_its_transform() -> None:
    with pytest.raises(RuntimeError, match=r"is gone \[while running"):
        _run("defect")


def test_own_errors_lets_an_interruption_be_one() -> None:
    with pytest.raises(KeyboardInterrupt):
        _run("interruption")
