"""The encoder's precision: float32, or bfloat16 on processors that support it.

bfloat16 has the range of float32 with 8 significant bits, half the memory traffic and twice the
matrix-product throughput. How close its features are to float32's depends on the weights: rounding
errors cancel out in trained networks, and accumulate in random ones (cosine similarity 0.99).
Therefore `auto` uses it only for networks measured with `tests/benchmarks/features.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig
from tensorflow.python.eager import context
from tensorflow.python.util._pywrap_util_port import IsMklEnabled

from components.captioning.encoder.weights import RANDOM
from components.errors import SettingError
from components.settings.backbone_names import canonical_backbone_name, is_model_folder

Precision = Literal["float32", "bfloat16"]

# Measured with trained weights on real photos: the lowest cosine similarity to float32 was 0.9997.
_MEASURED = ("InceptionV3",)
_SETTINGS = ("auto", "float32", "mixed")
_CPU_INFO = Path("/proc/cpuinfo")
# Names of the instructions in Linux. AVX-512 alone supports bfloat16 too, but at float32's speed.
_INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}


def choose_precision(setting: str, network: str, weights: str) -> Precision:
    """Returns the precision for an encoder on this machine.

    Args:
        setting: `float32`; `mixed`: bfloat16 if the processor supports it; or `auto`: the same, but
            only for trained weights of networks whose accuracy in bfloat16 was measured.
        network: A network of keras.applications, or the folder of an ONNX model, which is computed
            as it is.
        weights: "imagenet", "random", or the path of a weights file.

    Raises:
        SettingError: If the setting is invalid, or there is no such network.
    """
    if setting not in _SETTINGS:
        raise SettingError(f"precision must be 'auto', 'float32' or 'mixed'. Received: {setting!r}")
    if is_model_folder(network):
        return "float32"
    measured = canonical_backbone_name(network) in _MEASURED and weights != RANDOM
    wanted = setting == "mixed" or (setting == "auto" and measured)
    return "bfloat16" if wanted and has_bfloat16() else "float32"


def require_precision(precision: Precision) -> None:
    """Checks that this machine supports a precision.

    Raises:
        SettingError: If it is bfloat16, which this machine does not support.
    """
    if precision == "bfloat16" and not has_bfloat16():
        raise SettingError(
            "precision must be float32 if any machine that computes features lacks bfloat16, as "
            f"this one does. Received: {precision}. Set --precision float32, or compute features "
            "only on machines whose processors support bfloat16"
        )


def has_bfloat16() -> bool:
    """Returns whether TensorFlow can use a processor's bfloat16 instructions.

    They are detected on Linux on x86 only. On a GPU the result is False, because bfloat16 features
    have not been measured there.
    """
    # The bfloat16 convolutions are oneDNN's, which TF_ENABLE_ONEDNN_OPTS=0 turns off.
    if tf.config.list_physical_devices("GPU") or not IsMklEnabled() or not _CPU_INFO.exists():
        return False
    for line in _CPU_INFO.read_text().splitlines():
        name, _, flags = line.partition(":")
        if name.strip() == "flags":
            return not _INSTRUCTIONS.isdisjoint(flags.split())
    return False


@contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """Runs this thread's TensorFlow functions in a precision inside a `with` block.

    Inputs and outputs stay float32; TensorFlow rewrites the operations in between where that is
    faster. `tf.config.optimizer.set_experimental_options` would apply to the whole process,
    including the caption network. Here the option is passed with each call, and TensorFlow
    optimizes a function separately for calls with and without it.

    Args:
        precision: float32 has no effect.
    """
    if precision == "float32":
        yield
        return
    eager_context = context.context()
    original = eager_context.function_call_options
    config = ConfigProto.FromString(original.config_proto_serialized)
    config.graph_options.rewrite_options.auto_mixed_precision_onednn_bfloat16 = RewriterConfig.ON
    eager_context.function_call_options = context.FunctionCallOptions(
        original.executor_type, config
    )
    try:
        yield
    finally:
        eager_context.function_call_options = original
