import pytest
import tensorflow as tf

from components.captioning.encoder.precision import has_bfloat16
from components.errors import SettingError
from components.train.devices import precision_policy, require_gpus, training_strategy

_AVAILABLE = len(tf.config.list_physical_devices("GPU"))


def test_require_gpus_accepts_available_gpus() -> None:
    require_gpus(0)
    require_gpus(_AVAILABLE)


def test_require_gpus_refuses_more_gpus_than_available() -> None:
    with pytest.raises(
        SettingError, match=f"gpus is {_AVAILABLE + 1}, but TensorFlow finds {_AVAILABLE}"
    ):
        require_gpus(_AVAILABLE + 1)


def test_require_gpus_of_a_worker_names_its_settings() -> None:
    with pytest.raises(SettingError, match=r"worker_gpus is .*worker_image.*worker_gpus to 0"):
        require_gpus(_AVAILABLE + 1, setting="worker_gpus", image="worker_image")


def test_training_strategy_of_several_workers_refuses_several_gpus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpus = [tf.config.PhysicalDevice(f"/physical_device:GPU:{index}", "GPU") for index in (0, 1)]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: gpus)
    with pytest.raises(SettingError, match=r"one GPU.*Received: 2 GPUs .*3 workers"):
        training_strategy(3)


def test_training_strategy_of_several_workers_accepts_one_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu = tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [gpu])
    assert training_strategy(3).num_replicas_in_sync == 1


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
