"""Makes and reads the cases of one target; a line on standard output for each.

python tests/fuzz/worker.py TARGET SEED FIRST COUNT FOLDER
"""

import json
import logging
import os
import resource
import shutil
import sys
import time
import traceback
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from targets import TARGETS  # after the path it needs

from components.errors import CaptionflowError

# Of all that is mapped; far above what is allowed, so that the machine outlives a case.
_MAPPED = 24 << 30


def main(target: str, seed: str, first: str, count: str, folder: str) -> None:
    """Runs cases, and says of each how it ended, how long it took and the memory's peak."""
    logging.disable(logging.CRITICAL)
    # Libraries write lines of their own.
    own = os.fdopen(os.dup(1), "w")

    def say(**facts: Any) -> None:
        own.write(json.dumps(facts) + "\n")
        own.flush()

    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_AS, (_MAPPED, _MAPPED))
    made = TARGETS[target]()
    say(ready=_peak())
    for case in range(int(first), int(first) + int(count)):
        work = Path(folder) / "case"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        content = made.make(Random(f"{target} {seed} {case}"))  # noqa: S311 # no secret
        for file in (work / "file", Path(folder) / "input"):
            file.write_bytes(content)
        say(case=case)
        began = time.monotonic()
        ended, fault = "read", ""
        try:
            made.read(work / "file")
        except CaptionflowError as error:
            ended = "refused"
            if "\x1b" in str(error):
                fault = "an escape sequence in the message"
        except Exception:  # whatever it is, it is what is looked for
            ended, fault = "failed", traceback.format_exc()
        took = time.monotonic() - began
        say(case=case, ended=ended, fault=fault, took=took, peak=_peak())


def _peak() -> int:
    """Returns the most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
