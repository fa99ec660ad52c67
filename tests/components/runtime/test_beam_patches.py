import os
import stat
import subprocess
import sys
from pathlib import Path

# Beam gives the only element to worker_1. The other starts after that has failed.
_INTERPRETER = """#!/bin/sh
while [ "$WORKER_ID" = worker_0 ] && [ ! -e {folder}/failed ]; do sleep 0.1; done
exec {python} "$@"
"""
_PIPELINE = """
import sys
from pathlib import Path
import apache_beam as beam
from components.runtime.beam import beam_pipeline

def fail(failed):
    Path(failed).touch()
    raise ValueError("the photo is gone")

sys.executable, failed = sys.argv[1:]
with beam_pipeline("--direct_running_mode=multi_processing --direct_num_workers=2") as pipeline:
    _ = pipeline | beam.Create([failed]) | beam.Map(fail)
"""


def test_failed_pipeline_does_not_wait_for_a_worker_that_connects_late(tmp_path: Path) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text(_INTERPRETER.format(folder=tmp_path, python=sys.executable))
    interpreter.chmod(stat.S_IRWXU)
    ended = subprocess.run(
        [sys.executable, "-c", _PIPELINE, str(interpreter), str(tmp_path / "failed")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert ended.returncode == 1
    assert "is gone" in ended.stderr
