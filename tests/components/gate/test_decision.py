from typing import Any

import pytest

from components.artifacts.champion_predictions import ChampionPredictions
from components.errors import SettingError
from components.gate.decision import Prediction, decide

RIGHT = ("a red dog runs over the grass", "two men sit on a bench")
WRONG = ("a red dog runs on the grass", "two men sit in a car")


def scores(bleu4: float, **others: Any) -> dict[str, Any]:
    return {"bleu": {"bleu4": bleu4}, "greedy": {"bleu4": bleu4}, **others}


def predictions(captions: tuple[str, ...], repeats: int = 30) -> list[Prediction]:
    return [
        Prediction(f"{number}-{index}.jpg", caption, [RIGHT[index]])
        for number in range(repeats)
        for index, caption in enumerate(captions)
    ]


def baseline(captions: tuple[str, ...] = WRONG, *, grew: bool = False) -> ChampionPredictions:
    by_id = {each.image_id: each.caption for each in predictions(captions)}
    return ChampionPredictions("3", captions=by_id, data_grew=grew)


def judged(
    captions: tuple[str, ...],
    champion: ChampionPredictions | None,
    *,
    floors: str = "bleu4=20",
    margin: float = 0.0,
    bleu4: float = 66.125,
) -> tuple[bool, str]:
    decision = decide(scores(bleu4), predictions(captions), champion, floors=floors, margin=margin)
    return decision.passed, decision.reason


def test_decide_first_model_needs_the_thresholds_alone() -> None:
    passed, reason = judged(RIGHT, None, floors="bleu4=60")
    assert passed
    for fact in ("BLEU-4 is 66.12", "at least 60.00", "no champion yet"):
        assert fact in reason
    assert judged(RIGHT, None, floors="bleu4=66.125")[0]


@pytest.mark.parametrize(("floor", "passes"), [(90, True), (95, False)])
def test_decide_with_a_threshold_for_the_calibration(floor: int, passes: bool) -> None:
    confidence = {"cider_d_surest_half": 70.0, "aurc": 0.3, "ece": 0.08}
    decision = decide(
        scores(66.0, confidence=confidence), predictions(RIGHT), None,
        floors=f"calibration={floor}", margin=0.0,
    )  # fmt: skip
    assert decision.passed is passes
    for fact in ("Calibration", "expected calibration error", "is 92.00", f"{floor}.00"):
        assert fact in decision.reason
    assert f"{floor}.00" in decision.reason


def test_decide_without_thresholds_says_so() -> None:
    passed, reason = judged(RIGHT, None, floors="")
    assert passed
    for fact in ("BLEU-4 is 66.12", "no threshold", "no champion yet"):
        assert fact in reason


@pytest.mark.parametrize("champion", [None, baseline()])
def test_decide_below_a_threshold_does_not_pass_even_if_better(
    champion: ChampionPredictions | None,
) -> None:
    assert judged(RIGHT, champion, floors="bleu4=66.126") == (
        False,
        "Not released: BLEU-4 is 66.12; at least 66.13 is required (`--floors`)",
    )


def test_decide_every_score_can_have_a_threshold() -> None:
    found = scores(66.0, cider_d={"beam": 50.0, "greedy": 70.0})
    decision = decide(found, predictions(RIGHT), None, floors="bleu4=60 cider_d=51", margin=0)
    assert "CIDEr-D is 50.00; at least 51.00 is required" in decision.reason
    decision = decide(found, predictions(RIGHT), None, floors="rouge_l=1", margin=0)
    assert not decision.passed
    assert "ROUGE-L was not measured; at least 1.00 is required" in decision.reason


def test_decide_a_threshold_of_a_score_that_was_not_measured_says_why() -> None:
    found = scores(66.0, not_measured={"spice": "it needs Java", "meteor": "broken"})
    decision = decide(found, predictions(RIGHT), None, floors="spice=10", margin=0)
    assert not decision.passed
    assert "SPICE was not measured (it needs Java); at least 10.00 is" in decision.reason
    assert decide(found, predictions(RIGHT), None, floors="bleu4=20", margin=0).passed


def test_decide_better_than_the_champion_passes() -> None:
    passed, reason = judged(RIGHT, baseline())
    assert passed
    assert "BLEU-4 + CIDEr-D 1100.00 (100.00 + 1000.00) is significantly better than" in reason
    assert "p = 0.001" in reason


def test_decide_equal_to_the_champion_does_not_pass() -> None:
    passed, reason = judged(RIGHT, baseline(RIGHT))
    assert not passed
    assert "is not significantly better than champion v3's 1100.00" in reason
    assert "p = 1.000" in reason


def test_decide_better_but_not_significantly_does_not_pass() -> None:
    captions = predictions(WRONG)
    captions[0] = captions[0]._replace(caption=RIGHT[0])
    decision = decide(scores(66.0), captions, baseline(), floors="", margin=100.0)
    assert not decision.passed
    assert decision.comparison is not None
    assert decision.comparison.difference > 0
    assert "is not significantly better than champion v3's" in decision.reason


def test_decide_worse_than_the_champion_does_not_pass() -> None:
    passed, reason = judged(WRONG, baseline(RIGHT))
    assert not passed
    assert "is significantly worse than champion v3's 1100.00" in reason


def test_decide_equal_passes_if_the_data_grew() -> None:
    passed, reason = judged(RIGHT, baseline(RIGHT, grew=True))
    assert passed
    assert "is at most 0 (`--margin`) below champion v3's 1100.00" in reason
    assert "trained on more photos" in reason


def test_decide_worse_passes_within_the_margin_if_the_data_grew() -> None:
    better = baseline(RIGHT, grew=True)
    decision = decide(scores(66.0), predictions(WRONG), better, floors="", margin=0)
    assert decision.comparison is not None
    lost = -decision.comparison.difference
    assert lost > 10
    assert not judged(WRONG, better, margin=lost - 0.01)[0]
    assert judged(WRONG, better, margin=lost)[0]
    # The margin is for models trained on more photos only.
    assert not judged(WRONG, baseline(RIGHT), margin=lost)[0]


def test_decide_champion_that_is_incomparable_stays() -> None:
    why = "was trained on 2 of the 60 test photos, such as 1.jpg"
    passed, reason = judged(RIGHT, ChampionPredictions("3", incomparable=why))
    assert not passed
    for fact in ("BLEU-4 is 66.12", f"champion v3 {why}", "`--model-name`", "alias champion"):
        assert fact in reason


@pytest.mark.parametrize("bleu4", [float("nan"), float("inf")])
def test_decide_score_that_is_not_finite_does_not_pass(bleu4: float) -> None:
    for champion in (None, baseline()):
        passed, reason = judged(RIGHT, champion, bleu4=bleu4)
        assert not passed
        assert f"BLEU-4 is {bleu4}" in reason


@pytest.mark.parametrize("value", [-1.0, 1101.0, float("nan")])
def test_decide_margin_out_of_range_is_an_error(value: float) -> None:
    with pytest.raises(SettingError, match=r"margin must be 0 to 1100 points\. Received"):
        judged(RIGHT, None, margin=value)
