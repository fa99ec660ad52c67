"""A one-line description of the machine, and its peak matrix-product rate in TensorFlow."""

import os
import platform
import time
from pathlib import Path

import tensorflow as tf
from rich.console import Console

_CPU_INFO = Path("/proc/cpuinfo")
# CPU flags that determine the speed of matrix products.
_FLAGS = ("avx", "avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16")


def describe_machine() -> str:
    """Returns processor, cores, vector extensions, TensorFlow version and threads, and GPUs.

    Cores and threads are those available to this process.
    """
    cores = _usable_cores()
    # TensorFlow reports 0 for the default, even if the environment variable sets a number.
    threads = tf.config.threading.get_intra_op_parallelism_threads() or int(
        os.environ.get("TF_NUM_INTRAOP_THREADS") or cores
    )
    facts = [
        f"{_cpu_field('model name') or platform.processor()}, {cores} cores",
        " ".join(flag for flag in _FLAGS if flag in _cpu_field("flags").split()),
        f"TensorFlow {tf.__version__} on {threads} threads",
        ", ".join(_gpus()) or "no GPU",
    ]
    return "; ".join(fact for fact in facts if fact)


def matmul_gflops(size: int = 3072, *, best_of: int = 8, dtype: str = "float32") -> float:
    """Returns the best rate of a square matrix product, in GFLOP/s.

    A product of two [n, n] matrices counts as 2 n^3 operations. On a GPU, TensorFlow computes
    float32 products in TF32 by default, so the result is for TF32.

    Args:
        size: n. To use a GPU fully, it must be larger by a few thousand.
        best_of: Number of products to time, after one for warm-up.
        dtype: The dtype of both matrices.
    """
    left, right = (tf.cast(tf.random.normal((size, size)), dtype) for _ in range(2))

    @tf.function
    def product() -> tf.Tensor:
        # A single element, so that waiting for the result transfers no data.
        return tf.matmul(left, right)[0, 0]

    product().numpy()
    seconds = []
    for _ in range(best_of):
        started = time.perf_counter()
        product().numpy()
        seconds.append(time.perf_counter() - started)
    return float(2 * size**3 / min(seconds) / 1e9)


def _usable_cores() -> int:
    # macOS has no CPU affinity.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_field(name: str) -> str:
    """Returns a field of the first core in /proc/cpuinfo; empty if not on Linux."""
    if _CPU_INFO.exists():
        for line in _CPU_INFO.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return ""


def _gpus() -> list[str]:
    return [
        str(tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name))
        for gpu in tf.config.list_physical_devices("GPU")
    ]


if __name__ == "__main__":
    console = Console()
    console.print(describe_machine())
    console.print(f"matrix product, float32: {matmul_gflops():.0f} GFLOP/s")
