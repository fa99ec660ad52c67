import pytest

from components.settings.train import TrainSettings
from components.train.optimizer import make_optimizer


def test_make_optimizer_cosine_falls_to_a_fiftieth() -> None:
    settings = TrainSettings.check({"experiment": "test", "learning_rate": 0.1})
    rate = make_optimizer(settings, steps=10)._learning_rate

    assert float(rate(0)) == pytest.approx(0.1)
    assert float(rate(5)) == pytest.approx(0.051)  # halfway between 0.1 and 0.002
    assert float(rate(10)) == pytest.approx(0.002)
