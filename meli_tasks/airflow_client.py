"""The few questions that the demo and `meli backfill` ask Airflow's REST API."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from meli_tasks.core.errors import BadSettings, Rejected, Unreachable

PAGE = 100
SECONDS_TO_COME_BACK = 45.0


class AirflowApi:
    """One signed-in user of an api-server. Asks directly, whatever proxy the environment names."""

    def __init__(self, url: str, user: str, password: str) -> None:
        """Asks nothing yet.

        Raises:
            BadSettings: `url` is no http:// or https:// address.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadSettings(f"MELI_AIRFLOW_URL={url} is no address of Airflow: it looks like http://localhost:8080")
        self.url = url.rstrip("/")
        self._place = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
        self._secure = parts.scheme == "https"
        self._path = parts.path.rstrip("/")
        self._sign_in = {"username": user, "password": password}
        self._token = ""

    def health(self) -> dict[str, str]:
        """Status by component, e.g. {"scheduler": "healthy"}; empty while the server does not answer."""
        try:
            status, answer = self._once("GET", "/api/v2/monitor/health", None)
        except (OSError, http.client.HTTPException):
            return {}
        return {name: str(part.get("status")) for name, part in answer.items()} if status == 200 else {}

    def has_dag(self, dag: str) -> bool:
        """Whether the dag-processor has read the DAG.

        Raises:
            Rejected: the DAG file cannot be imported; the message is Python's.
        """
        if self._call("GET", f"/dags/{dag}", missing=None) is not None:
            return True
        for error in self._call("GET", "/importErrors")["import_errors"]:
            if dag in error["filename"]:
                raise Rejected(f"Airflow cannot read {error['filename']}:\n{error['stack_trace'].strip()}")
        return False

    def has_pool(self, name: str) -> bool:
        """Whether the pool is there."""
        return self._call("GET", f"/pools/{name}", missing=None) is not None

    def keep_pool(self, name: str, slots: int, description: str, include_deferred: bool = False) -> None:
        """Make the pool, or give it this size: tasks of a pool that does not exist wait for ever."""
        pool = {"name": name, "slots": slots, "description": description, "include_deferred": include_deferred}
        if self.has_pool(name):
            self._call("PATCH", f"/pools/{name}", pool)
        else:
            self._call("POST", "/pools", pool, there=None)

    def unpause(self, dag: str) -> None:
        """Let the DAG's runs start, if somebody paused it."""
        if self.is_paused(dag):
            self._call("PATCH", f"/dags/{dag}", {"is_paused": False})

    def is_paused(self, dag: str) -> bool:
        """Whether the DAG's runs wait until somebody unpauses it."""
        return bool(self._call("GET", f"/dags/{dag}")["is_paused"])

    def trigger(self, dag: str, conf: dict[str, Any], note: str) -> str:
        """Start a run and return its id.

        The id is ours: asked again after a lost answer, Airflow starts no second run but says that there is one.
        """
        run = f"manual__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}_{secrets.token_hex(3)}"
        asked = {"dag_run_id": run, "logical_date": None, "conf": conf, "note": note}
        self._call("POST", f"/dags/{dag}/dagRuns", asked, there=None)
        return run

    def run_state(self, dag: str, run: str) -> str:
        """queued, running, success or failed; empty when there is no such run."""
        found = self._call("GET", f"/dags/{dag}/dagRuns/{quote(run)}", missing=None)
        return str(found["state"]) if found else ""

    def cancel(self, dag: str, run: str) -> None:
        """End a run and its tasks."""
        self._call("PATCH", f"/dags/{dag}/dagRuns/{quote(run)}", {"state": "failed"})

    def tasks(self, dag: str, run: str) -> list[dict[str, Any]]:
        """The run's task instances as the API gives them."""
        found: list[dict[str, Any]] = []
        while True:
            query = urlencode({"limit": PAGE, "offset": len(found), "order_by": "id"})
            answer = self._call("GET", f"/dags/{dag}/dagRuns/{quote(run)}/taskInstances?{query}")
            found += answer["task_instances"]
            if len(found) >= answer["total_entries"] or not answer["task_instances"]:
                return found

    def returned(self, dag: str, run: str, task: str, index: int = -1) -> Any:
        """What a task returned, or None if it has not."""
        entry = f"/dags/{dag}/dagRuns/{quote(run)}/taskInstances/{task}/xcomEntries/return_value"
        answer = self._call("GET", f"{entry}?map_index={index}&stringify=false", missing=None)
        return answer["value"] if answer else None

    def _call(self, method: str, path: str, body: Any = None, **meant: Any) -> Any:
        """Ask until the server answers, for as long as one of its restarts takes.

        `missing` is what a 404 means, and `there` what a 409 does.
        """
        deadline = time.monotonic() + SECONDS_TO_COME_BACK
        while True:
            try:
                status, answer = self._signed_in(method, path, body)
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() > deadline:
                    raise Unreachable(f"Airflow at {self._place} does not answer: {error}.") from None
                time.sleep(0.5)
                continue
            meaning = {404: "missing", 409: "there"}.get(status)
            if meaning in meant:
                return meant[meaning]
            if status >= 500 and time.monotonic() < deadline:  # a busy SQLite, or a server that is going down
                time.sleep(0.5)
                continue
            if status >= 500:
                raise Unreachable(f"Airflow answered {status} to {method} {path}: {_detail(answer)}")
            if status in (400, 422):
                raise Rejected(f"Airflow refuses this: {_detail(answer)}")
            if status >= 300:
                raise Rejected(f"Airflow answered {status} to {method} {path}: {_detail(answer)}")
            return answer

    def _signed_in(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        for _ in range(2):
            if not self._token:
                status, answer = self._once("POST", "/auth/token", self._sign_in)
                if status not in (200, 201):
                    raise BadSettings(
                        f"Airflow at {self._place} refuses the sign-in of {self._sign_in['username'] or 'nobody'} "
                        f"({status}): check MELI_AIRFLOW_USER and MELI_AIRFLOW_PASSWORD; the demo's own are set right "
                        "again by `make stop`, then `make demo`."
                    )
                self._token = answer["access_token"]
            status, answer = self._once(method, f"/api/v2{path}", body)
            if status != 401:
                break
            self._token = ""  # it has expired
        return status, answer

    def _once(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._place, timeout=20)
        try:
            connection.request(method, self._path + path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        try:
            return response.status, json.loads(content or b"null")
        except json.JSONDecodeError:
            return response.status, content.decode(errors="replace")[:500]


def _detail(answer: Any) -> str:
    return str(answer.get("detail", answer)) if isinstance(answer, dict) else str(answer)
