import io

import pytest
from rich.console import Console

from pipeline.plan import PlannedStep, explain, show_plan

_BEFORE = {"code": "1", "epochs": "10", "glove content": "g", "after features": "f"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"epochs": "12"}, "epochs changed from 10 to 12."),
        ({"code": "2"}, "Its code or a library changed."),
        ({"glove content": "h"}, "The content of glove changed."),
        ({"after features": "e"}, "Its input from features will be new."),
        # The step's own changes are reported rather than those of the steps before it.
        ({"epochs": "12", "after features": "e"}, "epochs changed from 10 to 12."),
        (
            {"code": "2", "epochs": "12"},
            "Its code or a library changed. epochs changed from 10 to 12.",
        ),
        ({"units": "8"}, "units changed from (not set) to 8."),
    ],
)
def test_explain_lists_the_changes(change: dict[str, str], reason: str) -> None:
    assert explain({**_BEFORE, **change}, _BEFORE) == reason


def test_explain_of_a_first_time() -> None:
    assert explain(_BEFORE, None) == "It has not run before."


def test_show_plan_has_a_line_for_each_step_with_its_reason() -> None:
    shown = io.StringIO()
    show_plan(
        [
            PlannedStep("ingest", True, "Nothing changed.", {}),
            PlannedStep("train", False, "epochs changed from 10 to 12.", {}),
            PlannedStep("gate", False, "", {}),
        ],
        Console(file=shown, width=80),
    )
    assert [line.split() for line in shown.getvalue().splitlines()[1:]] == [
        ["ingest", "from", "the", "cache", "Nothing", "changed."],
        ["train", "runs", "epochs", "changed", "from", "10", "to", "12."],
        ["gate", "not", "needed"],
    ]
