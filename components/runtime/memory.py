"""How this process asks the system for memory."""

import ctypes
import sys

# mallopt(3)'s parameters, from glibc's malloc.h.
_TOP_PAD, _MMAP_MAX, _ARENA_MAX = -2, -4, -8
_KEPT = 100 * 2**20  # bytes


def keep_freed_memory() -> None:
    """Makes glibc keep freed memory for the next tensor, instead of giving it back each time.

    TensorFlow's tensors are large and live for one operation. glibc fetches each from the kernel
    and hands it back, and the kernel fills every page of it with zeros before it comes again:
    half of a training step's time on a processor. The process then holds somewhat more memory.
    To be called before TensorFlow starts its threads. Other systems' allocators are left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:  # such as musl's
        return
    for parameter, value in ((_ARENA_MAX, 1), (_MMAP_MAX, 0), (_TOP_PAD, _KEPT)):
        mallopt(parameter, value)
