import io

import pytest
from rich.console import Console

from pipeline.plan import PlannedStep, explain, show_plan

_BEFORE = {"code": "1", "epochs": "10", "glove content": "g", "after features": "f"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, ""),
        ({"epochs": "12"}, "epochs: 10 → 12"),
        ({"code": "2"}, "its code or a library changed"),
        ({"glove content": "h"}, "what glove names changed"),
        ({"after features": "e"}, "takes new input from features"),
        # What is the step's own says more than what follows from others.
        ({"epochs": "12", "after features": "e"}, "epochs: 10 → 12"),
        ({"code": "2", "epochs": "12"}, "its code or a library changed, epochs: 10 → 12"),
        ({"units": "8"}, "units: None → 8"),
    ],
)
def test_explain_says_what_changed(change: dict[str, str], told: str) -> None:
    assert explain({**_BEFORE, **change}, _BEFORE) == told


def test_explain_of_a_first_time() -> None:
    assert explain(_BEFORE, None) == "not run before"


def test_show_plan_has_a_line_for_each_step_with_its_reason() -> None:
    shown = io.StringIO()
    show_plan(
        [
            PlannedStep("ingest", True, "nothing changed", {}),
            PlannedStep("train", False, "epochs: 10 → 12", {}),
            PlannedStep("gate", False, "", {}),
        ],
        Console(file=shown, width=80),
    )
    assert [line.split() for line in shown.getvalue().splitlines()[1:]] == [
        ["ingest", "from", "the", "cache", "nothing", "changed"],
        ["train", "runs", "epochs:", "10", "→", "12"],
        ["gate", "not", "needed"],
    ]
