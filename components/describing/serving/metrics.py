"""Metrics of the model server, for Prometheus."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from components.describing.model import Model

if TYPE_CHECKING:
    # This imports SciPy, which would delay the start of a server by seconds.
    from components.drift.monitor import DriftMonitor

# Seconds; from a photo on a GPU to hundreds on a busy CPU.
_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """The metrics, in a registry of their own.

    Args:
        model: The model that is served.
    """

    def __init__(self, model: Model) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "captionflow_requests", "Requests to caption photos.", ["status"],
            registry=self.registry,
        )  # fmt: skip
        self.in_progress = Gauge(
            "captionflow_requests_in_progress", "Requests whose response is not complete.",
            registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "captionflow_request_seconds", "Time from a request to its response.",
            buckets=_BUCKETS, registry=self.registry,
        )  # fmt: skip
        self.photos = Counter("captionflow_photos", "Photos captioned.", registry=self.registry)
        self.abstentions = Counter(
            "captionflow_abstentions", "Photos whose caption the model is not sure of.",
            registry=self.registry,
        )  # fmt: skip
        self.ready = Gauge(
            "captionflow_ready", "Whether the model is loaded and warmed up.",
            registry=self.registry,
        )  # fmt: skip
        info = Info("captionflow_model", "The model that is served.", registry=self.registry)
        info.info({"model": model.registered_name or model.name, "version": model.version})

    def show_drift(self, monitor: "DriftMonitor") -> None:
        """Adds the drift monitor's metrics; there are none before its first test."""
        self.registry.register(_DriftCollector(monitor))


class _DriftCollector(Collector):
    def __init__(self, monitor: "DriftMonitor") -> None:
        self._monitor = monitor

    def collect(self) -> Iterable[Metric]:
        """Returns both metrics of one test, or none."""
        outcome = self._monitor.outcome
        if outcome is None:
            return []
        return [
            GaugeMetricFamily(
                "captionflow_drift_p_value",
                "Probability of at least the difference between the latest photos and the training "
                "photos if there is none.",
                outcome.p_value,
            ),
            GaugeMetricFamily(
                "captionflow_drift_photos",
                "Distinct photos that captionflow_drift_p_value rests on.",
                outcome.photos,
            ),
        ]


class Measured:
    """ASGI middleware that counts and times the requests to one path.

    Args:
        app: The application.
        metrics: Where they are counted.
        path: The path.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, path: str) -> None:
        self.app, self._metrics, self._path = app, metrics, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a request, as ASGI defines it."""
        if scope["type"] != "http" or scope["path"] != self._path:
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        # Starlette's outermost middleware, around this one, answers internal errors.
        status = 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            with self._metrics.in_progress.track_inprogress():
                await self.app(scope, receive, send_and_note)
        finally:
            self._metrics.requests.labels(str(status)).inc()
            self._metrics.seconds.observe(time.perf_counter() - began)
