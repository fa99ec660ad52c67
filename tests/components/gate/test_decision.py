from typing import Any

import pytest

from components.gate.decision import Decision, decide
from components.platform.errors import SettingError
from components.platform.registry import Champion

SIGNATURE = "nrefs:5|case:mixed|eff:no|tok:none|smooth:none|version:2.6.0"


def scores(bleu4: float) -> dict[str, Any]:
    return {"bleu": {"bleu4": bleu4}, "test_fingerprint": "f" * 64, "signature": SIGNATURE}


def champion(bleu4: float | str = 65.8, **tags: str) -> Champion:
    noted = {"bleu4": str(bleu4), "test_fingerprint": "f" * 64, "bleu_signature": SIGNATURE}
    return Champion("3", "a run", noted | tags)


def test_decide_first_model_needs_the_floor_alone() -> None:
    assert decide(scores(66.12), None, floor=60) == Decision(
        True, "passed: BLEU-4 66.12 reaches the floor 60.00, and there is no champion yet"
    )


def test_decide_at_the_floor_passes() -> None:
    assert decide(scores(60.0), None, floor=60).passed


def test_decide_under_the_floor_does_not_pass() -> None:
    assert decide(scores(55.5), None, floor=60) == Decision(
        False, "not passed: BLEU-4 55.50 is under the floor 60.00"
    )


def test_decide_under_the_floor_does_not_pass_even_if_better_than_the_champion() -> None:
    assert decide(scores(55.5), champion(40.0), floor=60) == Decision(
        False, "not passed: BLEU-4 55.50 is under the floor 60.00"
    )


def test_decide_better_than_the_champion_passes() -> None:
    assert decide(scores(66.12), champion(65.8), floor=60) == Decision(
        True,
        "passed: BLEU-4 66.12 reaches the floor 60.00 and is not worse than champion v3's 65.80",
    )


def test_decide_equal_to_the_champion_passes() -> None:
    assert decide(scores(65.8), champion(65.8), floor=60).passed
    # As `register` notes it: no digit is lost.
    assert decide(scores(100 / 3), champion(str(100 / 3)), floor=0).passed


def test_decide_worse_than_the_champion_does_not_pass() -> None:
    assert decide(scores(64.0), champion(65.8), floor=60) == Decision(
        False,
        "not passed: BLEU-4 64.00 reaches the floor 60.00 but is worse than champion v3's 65.80",
    )


def test_decide_just_worse_than_the_champion_shows_the_difference() -> None:
    assert decide(scores(65.7996), champion(65.8), floor=60) == Decision(
        False,
        "not passed: BLEU-4 65.7996 reaches the floor 60.00 but is worse than champion v3's "
        "65.8000",
    )


@pytest.mark.parametrize(
    ("bleu4", "passed", "reason"),
    [
        # 0.1 is not a binary fraction: 65.9 - 0.1 must still be 65.8.
        (
            65.8,
            True,
            "passed: BLEU-4 65.80 reaches the floor 60.00 and is not worse than champion v3's "
            "65.90 less the tolerance 0.1",
        ),
        (
            65.79,
            False,
            "not passed: BLEU-4 65.79 reaches the floor 60.00 but is worse than champion v3's "
            "65.90 less the tolerance 0.1",
        ),
    ],
)
def test_decide_with_tolerance(bleu4: float, passed: bool, reason: str) -> None:
    assert decide(scores(bleu4), champion(65.9), floor=60, tolerance=0.1) == Decision(
        passed, reason
    )


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (champion(90, test_fingerprint="e" * 64), "was scored on another test set"),
        (
            champion(90, bleu_signature=SIGNATURE.replace("none", "13a")),
            "was scored with another BLEU signature",
        ),
        (Champion("3", "a run", {}), "carries no BLEU-4 to compare with"),
        (Champion("3", "a run", {"bleu4": "90"}), "was scored on another test set"),
        (champion("nan"), "carries no BLEU-4 to compare with"),
        (champion("high"), "carries no BLEU-4 to compare with"),
    ],
)
def test_decide_champion_that_does_not_compare_leaves_the_floor(
    other: Champion, difference: str
) -> None:
    assert decide(scores(66.12), other, floor=60) == Decision(
        True,
        f"passed: BLEU-4 66.12 reaches the floor 60.00, which alone decides: champion v3 "
        f"{difference}",
    )
    assert not decide(scores(59.0), other, floor=60).passed


@pytest.mark.parametrize("bleu4", [float("nan"), float("inf")])
def test_decide_score_that_is_no_number_does_not_pass(bleu4: float) -> None:
    for rival in (None, champion(65.8)):
        assert decide(scores(bleu4), rival, floor=0) == Decision(
            False, f"not passed: BLEU-4 is {bleu4}, which is no score"
        )


@pytest.mark.parametrize("value", [-1.0, 101.0, float("nan")])
def test_decide_floor_or_tolerance_out_of_range_is_an_error(value: float) -> None:
    with pytest.raises(SettingError, match=r"bleu4_floor must be 0 to 100 BLEU points\. Received"):
        decide(scores(66.12), None, floor=value)
    with pytest.raises(SettingError, match=r"tolerance must be 0 to 100 BLEU points\. Received"):
        decide(scores(66.12), None, floor=60, tolerance=value)
