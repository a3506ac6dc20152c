"""What Prometheus can read of the service."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST
# When a counter was made says nothing that its first value does not.
disable_created_metrics()  # type: ignore[no-untyped-call]
_SECONDS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_TITLES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counters of one service; each service has its own registry."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "meli_serving_requests", "Requests by path and HTTP status", ["path", "status"], registry=registry
        )
        self.seconds = Histogram(
            "meli_serving_request_seconds",
            "Seconds from the last byte of a request to its answer",
            ["path"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.titles = Counter("meli_serving_titles", "Titles by what became of them", ["result"], registry=registry)
        self.batch_titles = Histogram(
            "meli_serving_batch_titles", "Titles classified together", buckets=_TITLES, registry=registry
        )
        self.waiting = Gauge("meli_serving_waiting_titles", "Titles that wait to be classified", registry=registry)
        self.model = Gauge(
            "meli_serving_model",
            "1 for the model that answers",
            ["set", "key", "sha256", "decision"],
            registry=registry,
        )
        self.ready = Gauge("meli_serving_ready", "1 if a model is loaded", registry=registry)
        self.problem = Gauge(
            "meli_serving_problem", "1 if the model that should answer cannot be loaded", registry=registry
        )
        self.swaps = Counter("meli_serving_swaps", "Models that replaced another", registry=registry)
        self.failed_loads = Counter("meli_serving_failed_loads", "Models that could not be loaded", registry=registry)
        self.shadow_titles = Counter(
            "meli_serving_shadow_titles",
            "Titles by how the model in shadow compares: same category, another one, or skipped because it was behind",
            ["result"],
            registry=registry,
        )

    def text(self) -> bytes:
        """All of them in the format of Prometheus."""
        return generate_latest(self.registry)
