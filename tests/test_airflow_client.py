from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from meli_tasks.airflow_client import AirflowApi
from tests.servers import http_server


@contextmanager
def airflow(runs: list[str]) -> Iterator[str]:
    """A server that takes runs, of a new one loses the answer, and of a known one says that it is there."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/auth/token":
                return self._answer(201, {"access_token": "t"})
            if body["dag_run_id"] in runs:
                return self._answer(409, {"detail": "exists"})
            runs.append(body["dag_run_id"])
            return self.connection.close()

        def _answer(self, status: int, body: dict[str, str]) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http_server(Handler) as url:
        yield url


def test_a_run_whose_answer_was_lost_is_not_started_twice() -> None:
    runs: list[str] = []
    with airflow(runs) as url:
        started = AirflowApi(url, "admin", "x").trigger("meli_training", {}, "a note")
    assert runs == [started]
