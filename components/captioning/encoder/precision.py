"""What the encoder computes in: float32, or bfloat16 where the processor has it.

bfloat16 has float32's range with 8 bits of digits, half the memory traffic and twice the products
a second. How near its features come to float32's depends on the weights: trained ones even rounding
out, random ones add it up (cosines of 0.99). So `auto` takes it only where it was measured, by
`tests/benchmarks/features.py`.
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

from components.captioning.encoder.backbone_names import canonical_backbone_name
from components.captioning.encoder.weights import RANDOM
from components.errors import SettingError

Precision = Literal["float32", "bfloat16"]

# With trained weights, on real photos: the lowest cosine to float32's features was 0.9997.
_MEASURED = ("InceptionV3",)
_SETTINGS = ("auto", "float32", "mixed")
_CPU_INFO = Path("/proc/cpuinfo")
# Linux' names of the instructions. AVX-512 alone takes bfloat16 too, at float32's speed.
_INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}


def choose_precision(setting: str, network: str, weights: str) -> Precision:
    """Returns what an encoder should compute in here.

    Args:
        setting: `float32`; `mixed`, bfloat16 where the processor has it; or `auto`, likewise, but
            only for trained weights of networks for which that was measured.
        network: A network of keras.applications.
        weights: "imagenet", "random", or the path of a weights file.

    Raises:
        SettingError: If there is no such setting, or no such network.
    """
    if setting not in _SETTINGS:
        raise SettingError(f"precision must be 'auto', 'float32' or 'mixed'. Received: {setting!r}")
    measured = canonical_backbone_name(network) in _MEASURED and weights != RANDOM
    wanted = setting == "mixed" or (setting == "auto" and measured)
    return "bfloat16" if wanted and has_bfloat16() else "float32"


def require_precision(precision: Precision) -> None:
    """Checks that an encoder can compute in a precision here.

    Raises:
        SettingError: If it is bfloat16, and there is none.
    """
    if precision == "bfloat16" and not has_bfloat16():
        raise SettingError(
            "precision must be float32 where a machine computes features that has no bfloat16, as "
            f"this one. Received: {precision}. Set --precision float32, or let all machines that "
            "compute features have processors with bfloat16"
        )


def has_bfloat16() -> bool:
    """Returns whether TensorFlow's graphs run on a processor with instructions for bfloat16.

    Only Linux on x86 says so. On a GPU the encoder stays as it is: there, nobody has measured it.
    """
    # oneDNN is what has the convolutions; TF_ENABLE_ONEDNN_OPTS=0 turns it off.
    if tf.config.list_physical_devices("GPU") or not IsMklEnabled() or not _CPU_INFO.exists():
        return False
    for line in _CPU_INFO.read_text().splitlines():
        name, _, flags = line.partition(":")
        if name.strip() == "flags":
            return not _INSTRUCTIONS.isdisjoint(flags.split())
    return False


@contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """Lets this thread's calls of TensorFlow functions compute in a precision for a while.

    The functions stay float32 from input to output; within, TensorFlow rewrites what is worth it.
    tf.config.optimizer.set_experimental_options would have it rewrite the caption network as well,
    and all else in this process. Here the option goes along with each call, and a function that is
    called without it is another one to TensorFlow.

    Args:
        precision: float32 changes nothing.
    """
    if precision == "float32":
        yield
        return
    own = context.context()
    before = own.function_call_options
    config = ConfigProto.FromString(before.config_proto_serialized)
    config.graph_options.rewrite_options.auto_mixed_precision_onednn_bfloat16 = RewriterConfig.ON
    own.function_call_options = context.FunctionCallOptions(before.executor_type, config)
    try:
        yield
    finally:
        own.function_call_options = before
