from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig
from tensorflow.python.eager import context

from components.captioning.encoder import precision
from components.captioning.encoder.precision import (
    choose_precision,
    computing_in,
    has_bfloat16,
    require_precision,
)
from components.errors import SettingError

NEEDS_BFLOAT16 = pytest.mark.skipif(not has_bfloat16(), reason="needs a processor with bfloat16")


@pytest.fixture
def photos() -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).random((2, 8, 8, 3), np.float32))


def make_graph() -> Callable[[tf.Tensor], tf.Tensor]:
    kernel = np.random.default_rng(1).random((3, 3, 3, 4), np.float32)
    return tf.function(lambda photos: tf.nn.relu(tf.nn.conv2d(photos, kernel, 1, "SAME") - 3))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx2 avx512f avx512_bf16", True),
        ("fpu amx_bf16 amx_tile", True),
        ("fpu avx2 avx512f avx512bw", False),
        ("", False),
    ],
)
def test_has_bfloat16_depends_on_the_processors_instructions(
    flags: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(f"model name\t: a bf16 avx512_bf16\nflags\t\t: {flags}\nbugs\t\t: amx_bf16\n")
    monkeypatch.setattr(precision, "_CPU_INFO", file)
    monkeypatch.setattr(precision, "IsMklEnabled", lambda: True)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert has_bfloat16() == expected
    monkeypatch.setattr(precision, "IsMklEnabled", lambda: False)
    assert not has_bfloat16()


def test_has_bfloat16_is_false_on_a_gpu_and_without_cpu_information(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"])
    assert not has_bfloat16()
    monkeypatch.undo()
    monkeypatch.setattr(precision, "_CPU_INFO", tmp_path / "gone")
    assert not has_bfloat16()


@pytest.mark.parametrize(
    ("setting", "network", "weights", "bfloat16"),
    [
        ("auto", "InceptionV3", "imagenet", True),
        ("auto", "inceptionv3", "/a/file.weights.h5", True),
        # Not measured.
        ("auto", "InceptionV3", "random", False),
        ("auto", "MobileNetV2", "imagenet", False),
        ("mixed", "MobileNetV2", "random", True),
        ("float32", "InceptionV3", "imagenet", False),
    ],
)
def test_choose_precision_is_bfloat16_only_if_set_and_supported(
    setting: str, network: str, weights: str, bfloat16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)
    assert (choose_precision(setting, network, weights) == "bfloat16") == bfloat16
    monkeypatch.setattr(precision, "has_bfloat16", lambda: False)
    assert choose_precision(setting, network, weights) == "float32"


def test_choose_precision_of_an_unknown_setting_names_rule_and_value() -> None:
    with pytest.raises(SettingError, match=r"'float32' or 'mixed'. Received: 'bfloat16'"):
        choose_precision("bfloat16", "InceptionV3", "imagenet")


@pytest.mark.parametrize("supported", [True, False])
def test_require_precision_refuses_bfloat16_only_if_unsupported(
    supported: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda: supported)
    require_precision("float32")
    if supported:
        require_precision("bfloat16")
        return
    with pytest.raises(SettingError, match=r"Received: bfloat16.*--precision float32"):
        require_precision("bfloat16")


def _rewrites() -> bool:
    """Returns whether TensorFlow rewrites the functions that this thread calls."""
    options = ConfigProto.FromString(
        context.context().function_call_options.config_proto_serialized
    ).graph_options.rewrite_options
    return bool(options.auto_mixed_precision_onednn_bfloat16 == RewriterConfig.ON)


def test_computing_in_bfloat16_affects_this_thread_only() -> None:
    before = context.context().function_call_options.config_proto_serialized
    with ThreadPoolExecutor(1) as another, computing_in("bfloat16"):
        assert _rewrites()
        assert not another.submit(_rewrites).result()
    assert not _rewrites()
    with pytest.raises(ZeroDivisionError), computing_in("bfloat16"):
        raise ZeroDivisionError
    assert context.context().function_call_options.config_proto_serialized == before


@NEEDS_BFLOAT16
def test_computing_in_bfloat16_affects_calls_inside_the_block_only(
    photos: tf.Tensor,
) -> None:
    before, within = make_graph(), make_graph()
    exact = before(photos).numpy()
    options = tf.config.optimizer.get_experimental_options()
    with computing_in("bfloat16"):
        rounded = within(photos).numpy()
        with ThreadPoolExecutor(1) as another:
            other_thread = another.submit(lambda: make_graph()(photos).numpy()).result()
    assert rounded.dtype == np.float32
    assert not np.array_equal(rounded, exact)
    np.testing.assert_allclose(rounded, exact, atol=0.05)
    for graph in (before, within, make_graph()):
        np.testing.assert_array_equal(graph(photos).numpy(), exact)
    np.testing.assert_array_equal(other_thread, exact)
    assert tf.config.optimizer.get_experimental_options() == options


@NEEDS_BFLOAT16
def test_computing_in_is_reset_after_an_error(photos: tf.Tensor) -> None:
    graph = make_graph()
    exact = graph(photos).numpy()
    with pytest.raises(ZeroDivisionError), computing_in("bfloat16"):
        raise ZeroDivisionError
    np.testing.assert_array_equal(graph(photos).numpy(), exact)


def test_computing_in_float32_changes_nothing(photos: tf.Tensor) -> None:
    graph = make_graph()
    exact = graph(photos).numpy()
    with computing_in("float32"):
        np.testing.assert_array_equal(graph(photos).numpy(), exact)
