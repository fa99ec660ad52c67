"""A worker pool of Beam whose workers are forked from a process that has imported TensorFlow.

Beam's own, `apache_beam.runners.worker.worker_pool_main`, starts Python for each job, which then
imports TensorFlow for ten seconds. The workers are the same otherwise: a process for each job.
"""

import gc
import logging
import multiprocessing
import sys
import time
from typing import Any

from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.worker.sdk_worker import SdkHarness
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer

_STEPS = ("ingest.run", "normalize.normalization", "features.extraction")
_forks = multiprocessing.get_context("forkserver")
# Also where the libraries are imported, which takes a third less time so.
gc.set_threshold(50_000, 20, 50)


def _work(control_endpoint: str, worker_id: str) -> None:
    logging.getLogger().setLevel(logging.INFO)
    SdkHarness(
        control_endpoint, worker_id=worker_id, state_cache_size=0, data_buffer_time_limit_ms=-1
    ).run()


class WarmPool(BeamFnExternalWorkerPoolServicer):
    """Starts and stops forked workers."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._forked: dict[str, Any] = {}

    def StartWorker(self, start_worker_request: Any, unused_context: Any) -> Any:  # noqa: N802
        """Starts a worker process; prints a line with its number."""
        arguments = (start_worker_request.control_endpoint.url, start_worker_request.worker_id)
        worker = _forks.Process(target=_work, args=arguments, daemon=True)
        worker.start()
        self._forked[start_worker_request.worker_id] = worker
        print("worker", worker.pid, flush=True)  # noqa: T201 # for the tests
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(self, stop_worker_request: Any, unused_context: Any) -> Any:  # noqa: N802
        """Ends a worker process."""
        worker = self._forked.pop(stop_worker_request.worker_id, None)
        if worker is not None:
            worker.terminate()
            worker.join()
        return beam_fn_api_pb2.StopWorkerResponse()


if __name__ == "__main__":
    # Started before gRPC has any thread.
    _forks.set_forkserver_preload(["__main__", *(f"components.{step}" for step in _STEPS)])
    first = _forks.Process(target=time.sleep, args=(0,))
    first.start()
    first.join()
    # A server stops when it is garbage.
    _, server = WarmPool.start(port=int(sys.argv[1]))
    while True:
        time.sleep(3600)
