import pytest

from components.errors import SettingError
from components.gate.thresholds import read_thresholds


def test_read_thresholds_returns_scores_by_name() -> None:
    assert read_thresholds("bleu4=40 cider_d=52.5") == {"bleu4": 40.0, "cider_d": 52.5}


def test_read_thresholds_accepts_scores_of_the_confidence() -> None:
    assert read_thresholds("surest_half_cider_d=120 selective_accuracy=60 calibration=90") == {
        "surest_half_cider_d": 120.0,
        "selective_accuracy": 60.0,
        "calibration": 90.0,
    }


def test_read_thresholds_of_empty_text_is_empty() -> None:
    assert read_thresholds("") == {}


@pytest.mark.parametrize(
    "text",
    [
        "bleu5=1",
        "bleu4",
        "bleu4=high",
        "bleu4=-1",
        "bleu4=nan",
        "bleu4=inf",
        "bleu4=100.1",
        "bleu4=1 bleu4=2",
    ],
)
def test_read_thresholds_invalid_text_is_an_error(text: str) -> None:
    with pytest.raises(SettingError, match=r"floors must be .* are bleu1, .*Received: 'bleu"):
        read_thresholds(text)
