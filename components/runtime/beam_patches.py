"""A patch of Beam 2.77: a worker process that connects late no longer hangs a failed pipeline.

With `--direct_running_mode=multi_processing`, Beam closes the connection of each worker when a
pipeline ends, and waits for its process to exit. A worker that has not connected yet, because its
interpreter is still starting, is not told: it connects, waits for work, and both wait forever.
"""

from apache_beam.runners.portability.fn_api_runner import worker_handlers


class _Connection(worker_handlers.ControlConnection):
    def close(self) -> None:
        """Closes the connection; a worker that connects later is told to exit at once."""
        unstarted = self._state == worker_handlers.BeamFnControlServicer.UNSTARTED_STATE
        super().close()
        if unstarted:
            self.push(worker_handlers.BeamFnControlServicer._DONE_MARKER)


def patch_beam() -> None:
    """Makes the runners of this process use the patched connection."""
    worker_handlers.ControlConnection = _Connection
