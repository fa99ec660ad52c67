"""Runs a function in a process with limits; started by `limited_process.run_limited`.

    python -P limited_main.py PROGRAM MEMORY SECONDS ARGUMENT...

PROGRAM is a Python file with a function `run(content, *arguments)`; `content` is read from
standard input. The text that it returns, or the message of its exception, goes to standard output.
"""

import math
import resource
import runpy
import sys
import time
from pathlib import Path


def main(program: str, memory: str, seconds: str, *arguments: str) -> int:
    """Prints the outcome; returns 0 if there was no exception."""
    run = runpy.run_path(program)["run"]
    content = sys.stdin.buffer.read()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # At the lower, soft limit the kernel ends the process with SIGXCPU.
    end = math.ceil(time.process_time() + float(seconds))
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if hard == resource.RLIM_INFINITY or end < hard:
        resource.setrlimit(resource.RLIMIT_CPU, (end, hard))
    if sys.platform == "linux":  # other systems do not report the memory in use
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + int(memory)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        outcome, code = run(content, *arguments), 0
    except Exception as error:  # a hostile file may cause any exception
        outcome, code = " ".join(str(error).split())[:500] or type(error).__name__, 1
    sys.stdout.write(f"{outcome}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
