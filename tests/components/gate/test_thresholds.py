import pytest

from components.errors import SettingError
from components.gate.thresholds import read_thresholds


def test_read_floors_names_scores() -> None:
    assert read_thresholds("bleu4=40 cider_d=52.5") == {"bleu4": 40.0, "cider_d": 52.5}


def test_read_floors_of_nothing_are_none() -> None:
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
def test_read_floors_that_break_the_rule_are_an_error(text: str) -> None:
    with pytest.raises(SettingError, match=r"floors must be .* there are bleu1, .*Received: 'bleu"):
        read_thresholds(text)
