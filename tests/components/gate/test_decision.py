from typing import Any

import pytest

from components.artifacts.champion_predictions import ChampionPredictions
from components.errors import SettingError
from components.gate.decision import Described, decide

RIGHT = ("a red dog runs over the grass", "two men sit on a bench")
WRONG = ("a red dog runs on the grass", "two men sit in a car")


def scores(bleu4: float, **others: Any) -> dict[str, Any]:
    return {"bleu": {"bleu4": bleu4}, "greedy": {"bleu4": bleu4}, **others}


def photos(captions: tuple[str, ...], several: int = 30) -> list[Described]:
    return [
        Described(f"{number}-{place}.jpg", caption, [RIGHT[place]])
        for number in range(several)
        for place, caption in enumerate(captions)
    ]


def baseline(captions: tuple[str, ...] = WRONG, *, grew: bool = False) -> ChampionPredictions:
    said = {each.image_id: each.caption for each in photos(captions)}
    return ChampionPredictions("3", captions=said, data_grew=grew)


def judged(
    ours: tuple[str, ...],
    other: ChampionPredictions | None,
    *,
    floors: str = "bleu4=20",
    margin: float = 0.0,
    bleu4: float = 66.125,
) -> tuple[bool, str]:
    found = decide(scores(bleu4), photos(ours), other, floors=floors, margin=margin)
    return found.passed, found.reason


def test_decide_first_model_needs_the_floors_alone() -> None:
    assert judged(RIGHT, None, floors="bleu4=60") == (
        True,
        "passed: BLEU-4 66.12 reaches 60.00, and there is no champion yet",
    )
    assert judged(RIGHT, None, floors="bleu4=66.125")[0]


def test_decide_without_floors_says_so() -> None:
    assert judged(RIGHT, None, floors="") == (
        True,
        "passed: BLEU-4 is 66.12, no floor is set, and there is no champion yet",
    )


@pytest.mark.parametrize("other", [None, baseline()])
def test_decide_under_a_floor_does_not_pass_even_if_better(
    other: ChampionPredictions | None,
) -> None:
    assert judged(RIGHT, other, floors="bleu4=66.126") == (
        False,
        "not passed: BLEU-4 66.12 is under the floor 66.13",
    )


def test_decide_every_score_has_a_floor_if_wanted() -> None:
    found = scores(66.0, cider_d={"beam": 50.0, "greedy": 70.0})
    decision = decide(found, photos(RIGHT), None, floors="bleu4=60 cider_d=51", margin=0)
    assert decision.reason == "not passed: CIDEr-D 50.00 is under the floor 51.00"
    decision = decide(found, photos(RIGHT), None, floors="rouge_l=1", margin=0)
    assert decision.reason == "not passed: ROUGE-L has a floor, and was not measured"


def test_decide_better_than_the_champion_passes() -> None:
    passed, reason = judged(RIGHT, baseline())
    assert passed
    assert reason.startswith(
        "passed: BLEU-4 66.12 reaches 20.00; BLEU-4 100.00 is better than champion v3's "
    )
    assert reason.endswith("on the same photos (p = 0.001)")


def test_decide_equal_to_the_champion_is_no_progress() -> None:
    passed, reason = judged(RIGHT, baseline(RIGHT))
    assert not passed
    assert reason == (
        "not passed: BLEU-4 66.12 reaches 20.00; BLEU-4 100.00 is not better by more than chance "
        "than champion v3's 100.00 on the same photos (p = 1.000)"
    )


def test_decide_better_by_chance_is_no_progress() -> None:
    ours = photos(WRONG)
    ours[0] = ours[0]._replace(caption=RIGHT[0])
    decision = decide(scores(66.0), ours, baseline(), floors="", margin=100.0)
    assert not decision.passed
    assert decision.comparison is not None
    assert decision.comparison.difference > 0
    assert "is not better by more than chance than champion v3's" in decision.reason


def test_decide_worse_says_so() -> None:
    passed, reason = judged(WRONG, baseline(RIGHT))
    assert not passed
    assert "is worse than champion v3's 100.00 on the same photos (p = 0.001)" in reason


def test_decide_equal_passes_where_the_data_grew() -> None:
    passed, reason = judged(RIGHT, baseline(RIGHT, grew=True))
    assert passed
    assert reason == (
        "passed: BLEU-4 66.12 reaches 20.00; BLEU-4 100.00 is within 0 of champion v3's "
        "100.00 on the same photos (p = 1.000), enough since it learnt from more photos"
    )


def test_decide_worse_passes_within_the_tolerance_where_the_data_grew() -> None:
    better = baseline(RIGHT, grew=True)
    decision = decide(scores(66.0), photos(WRONG), better, floors="", margin=0)
    assert decision.comparison is not None
    lost = -decision.comparison.difference
    assert lost > 10
    assert not judged(WRONG, better, margin=lost - 0.01)[0]
    assert judged(WRONG, better, margin=lost)[0]
    # Without more data no tolerance helps.
    assert not judged(WRONG, baseline(RIGHT), margin=lost)[0]


def test_decide_champion_that_does_not_compare_stays() -> None:
    other = ChampionPredictions(
        "3", incomparable="learnt from 2 of the 60 test photos, such as 1.jpg"
    )
    assert judged(RIGHT, other) == (
        False,
        "not passed: BLEU-4 66.12 reaches 20.00, but champion v3 learnt from 2 of the 60 test "
        "photos, such as 1.jpg, so the two do not compare: give the new model another name "
        "(model_name), or take the alias champion from that version",
    )


@pytest.mark.parametrize("bleu4", [float("nan"), float("inf")])
def test_decide_score_that_is_no_number_does_not_pass(bleu4: float) -> None:
    for other in (None, baseline()):
        assert judged(RIGHT, other, bleu4=bleu4) == (
            False,
            f"not passed: BLEU-4 is {bleu4}, which is no score",
        )


@pytest.mark.parametrize("value", [-1.0, 101.0, float("nan")])
def test_decide_tolerance_out_of_range_is_an_error(value: float) -> None:
    with pytest.raises(SettingError, match=r"margin must be 0 to 100 BLEU points\. Received"):
        judged(RIGHT, None, margin=value)
