"""A receiver of OpenTelemetry's metrics (OTLP over HTTP), as a collector has one."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

Point = tuple[str, dict[str, str], float]
"""Name, tags, value."""


@dataclass
class Received:
    """What was received."""

    url: str = ""
    points: list[Point] = field(default_factory=list)

    def of(self, beginning: str) -> dict[str, list[tuple[dict[str, str], float]]]:
        """The points of the metrics whose names begin so, by name."""
        found: dict[str, list[tuple[dict[str, str], float]]] = {}
        for name, tags, value in self.points:
            if name.startswith(beginning):
                found.setdefault(name, []).append((tags, value))
        return found


@contextmanager
def receiver() -> Iterator[Received]:
    """A receiver on a free port."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        for point in getattr(metric, metric.WhichOneof("data")).data_points:
                            tags = {tag.key: tag.value.string_value for tag in point.attributes}
                            value = getattr(point, "as_double", 0.0) or getattr(point, "as_int", 0)
                            received.points.append((metric.name, tags, float(value)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    received.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
