import pytest
import tensorflow as tf

from components.captioning.encoder.precision import has_bfloat16
from components.errors import SettingError
from components.train.devices import precision_policy, require_gpus

_AVAILABLE = len(tf.config.list_physical_devices("GPU"))


def test_require_gpus_accepts_available_gpus() -> None:
    require_gpus(0)
    require_gpus(_AVAILABLE)


def test_require_gpus_refuses_more_gpus_than_available() -> None:
    with pytest.raises(
        SettingError, match=f"gpus is {_AVAILABLE + 1}, but TensorFlow finds {_AVAILABLE}"
    ):
        require_gpus(_AVAILABLE + 1)


@pytest.mark.skipif(_AVAILABLE > 0, reason="needs a machine without GPU")
@pytest.mark.parametrize(
    ("setting", "policy"),
    [
        ("float32", "float32"),
        ("mixed", "mixed_bfloat16"),
        ("auto", "mixed_bfloat16" if has_bfloat16() else "float32"),
    ],
)
def test_precision_policy_on_a_cpu(setting: str, policy: str) -> None:
    assert precision_policy(setting) == policy
