import subprocess
import sys

import pytest

# Ten times 64 MiB, each freed before the next: how many pages the kernel had to bring.
SCRIPT = """
import resource
from components.runtime.memory import keep_freed_memory
keep = {keep}
if keep:
    keep_freed_memory()
bytearray(2**26)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    bytearray(2**26)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * resource.getpagesize())
"""


def _brought(keep: bool) -> int:
    command = [sys.executable, "-c", SCRIPT.format(keep=keep)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' allocators are left alone")
def test_keep_freed_memory_is_not_fetched_again() -> None:
    assert _brought(keep=False) > 9 * 2**26
    assert _brought(keep=True) < 2**26
