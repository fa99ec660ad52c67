"""The machine in one line, and the fastest matrix product that TensorFlow reaches on it."""

import os
import platform
import time
from pathlib import Path

import tensorflow as tf
from rich.console import Console

_CPU_INFO = Path("/proc/cpuinfo")
# What decides how fast a matrix product can be.
_FLAGS = ("avx", "avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16")


def describe_machine() -> str:
    """Returns processor, cores, vector units, TensorFlow with its threads, and GPUs, in one line.

    Cores and threads are those that this process may use.
    """
    cores = _usable_cores()
    # TensorFlow says 0 for "as many as there are", and 0 too where the variable says how many.
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

    A product of two [n, n] matrices counts 2 n^3 operations. On a GPU TensorFlow computes float32
    products in TF32 unless it is told otherwise, so the figure is that of TF32.

    Args:
        size: n. On a GPU some thousand more are needed to keep it busy.
        best_of: How many are timed, after one that is not.
        dtype: Of both matrices.
    """
    left, right = (tf.cast(tf.random.normal((size, size)), dtype) for _ in range(2))

    @tf.function
    def product() -> tf.Tensor:
        # One number of it, so that waiting for the result moves no data.
        return tf.matmul(left, right)[0, 0]

    product().numpy()
    seconds = []
    for _ in range(best_of):
        started = time.perf_counter()
        product().numpy()
        seconds.append(time.perf_counter() - started)
    return float(2 * size**3 / min(seconds) / 1e9)


def _usable_cores() -> int:
    # macOS can't say which cores a process may use.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_field(name: str) -> str:
    """Returns a field of Linux' description of the first core; elsewhere nothing."""
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
