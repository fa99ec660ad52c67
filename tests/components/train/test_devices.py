import pytest
import tensorflow as tf

from components.captioning.encoder.precision import has_bfloat16
from components.errors import SettingError
from components.train.devices import precision_policy, require_gpus

_SEEN = len(tf.config.list_physical_devices("GPU"))


def test_require_gpus_takes_what_is_there() -> None:
    require_gpus("0")
    require_gpus(str(_SEEN))


def test_require_gpus_refuses_to_train_on_less_than_was_asked_for() -> None:
    with pytest.raises(
        SettingError, match=f"gpus asks for {_SEEN + 1}, but TensorFlow sees {_SEEN}"
    ):
        require_gpus(str(_SEEN + 1))


@pytest.mark.skipif(_SEEN > 0, reason="these are a processor's")
@pytest.mark.parametrize(
    ("setting", "policy"),
    [
        ("float32", "float32"),
        ("mixed", "mixed_bfloat16"),
        ("auto", "mixed_bfloat16" if has_bfloat16() else "float32"),
    ],
)
def test_precision_policy_of_a_processor(setting: str, policy: str) -> None:
    assert precision_policy(setting) == policy
