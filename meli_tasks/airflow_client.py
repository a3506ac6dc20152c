"""The few requests to Airflow's REST API that the demo and `meli backfill` make."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from pydantic import BaseModel, ConfigDict

from meli_tasks.core.errors import BadSettings, Rejected, Unreachable
from meli_tasks.http import Client, NoAnswer

PAGE = 100
SECONDS_TO_COME_BACK = 45.0
SECONDS_BETWEEN_TRIES = 0.5


class TaskInstance(BaseModel):
    """One task of a run, as the API describes it; `map_index` is -1 for a task that is not mapped."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    task_id: str
    map_index: int
    rendered_map_index: str | None = None
    state: str | None = None
    try_number: int | None = None
    queue: str | None = None
    hostname: str | None = None
    queued_when: datetime | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    duration: float | None = None

    @property
    def seconds(self) -> float:
        """How long it took, or has been running."""
        if self.duration is not None and self.end_date:
            return self.duration
        if self.start_date and self.state == "running":
            return max(0.0, (datetime.now(UTC) - self.start_date).total_seconds())
        return 0.0


class DagRun(BaseModel):
    """A run of a DAG, as the API describes it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    dag_run_id: str
    state: str
    start_date: datetime | None = None
    end_date: datetime | None = None


class AirflowApi:
    """An api-server, on behalf of one user."""

    def __init__(self, url: str, user: str, password: str) -> None:
        """Sends nothing yet.

        Raises:
            BadSettings: `url` is not an http:// or https:// address.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadSettings(f"MELI_AIRFLOW_URL={url} is not a server address: it looks like http://localhost:8080")
        self.url = url.rstrip("/")
        self._place = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
        self._sign_in = {"username": user, "password": password}
        self._token = ""

    def health(self) -> dict[str, str]:
        """Status by component, e.g. {"scheduler": "healthy"}; empty while the server does not answer."""
        try:
            status, answer = self._once("GET", "/api/v2/monitor/health", None)
        except NoAnswer:
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
        """Whether the pool exists."""
        return self._call("GET", f"/pools/{name}", missing=None) is not None

    def keep_pool(self, name: str, slots: int, description: str, include_deferred: bool = False) -> None:
        """Create the pool, or resize it: tasks of a pool that does not exist wait for ever."""
        pool = {"name": name, "slots": slots, "description": description, "include_deferred": include_deferred}
        if self.has_pool(name):
            self._call("PATCH", f"/pools/{name}", pool)
        else:
            self._call("POST", "/pools", pool, exists=None)

    def unpause(self, dag: str) -> None:
        """Let the DAG's runs start, if somebody paused it."""
        if self.is_paused(dag):
            self._call("PATCH", f"/dags/{dag}", {"is_paused": False})

    def is_paused(self, dag: str) -> bool:
        """Whether the DAG's runs wait until somebody unpauses it."""
        return bool(self._call("GET", f"/dags/{dag}")["is_paused"])

    def trigger(self, dag: str, conf: Mapping[str, object], note: str) -> str:
        """Start a run and return its id.

        The id is ours: when the request is repeated after a lost answer, Airflow starts no second run but says that
        this one exists.
        """
        run = f"manual__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}_{secrets.token_hex(3)}"
        body = {"dag_run_id": run, "logical_date": None, "conf": conf, "note": note}
        self._call("POST", f"/dags/{dag}/dagRuns", body, exists=None)
        return run

    def run_state(self, dag: str, run: str) -> str:
        """queued, running, success or failed; empty if there is no such run."""
        found = self._call("GET", f"/dags/{dag}/dagRuns/{quote(run)}", missing=None)
        return str(found["state"]) if found else ""

    def newest_run(self, dag: str) -> DagRun | None:
        """The run that was triggered last; None if there is none."""
        found = self._call("GET", f"/dags/{dag}/dagRuns?{urlencode({'limit': 1, 'order_by': '-id'})}", missing=None)
        runs = found["dag_runs"] if found else []
        return DagRun.model_validate(runs[0]) if runs else None

    def cancel(self, dag: str, run: str) -> None:
        """End a run and its tasks."""
        self._call("PATCH", f"/dags/{dag}/dagRuns/{quote(run)}", {"state": "failed"})

    def tasks(self, dag: str, run: str) -> list[TaskInstance]:
        """The run's task instances."""
        found: list[TaskInstance] = []
        while True:
            query = urlencode({"limit": PAGE, "offset": len(found), "order_by": "id"})
            answer = self._call("GET", f"/dags/{dag}/dagRuns/{quote(run)}/taskInstances?{query}")
            found += map(TaskInstance.model_validate, answer["task_instances"])
            if len(found) >= answer["total_entries"] or not answer["task_instances"]:
                return found

    def returned(self, dag: str, run: str, task: str, index: int = -1) -> Any:
        """What a task returned, or None if it has not."""
        entry = f"/dags/{dag}/dagRuns/{quote(run)}/taskInstances/{task}/xcomEntries/return_value"
        answer = self._call("GET", f"{entry}?map_index={index}&stringify=false", missing=None)
        return answer["value"] if answer else None

    def _call(self, method: str, path: str, body: Any = None, **meanings: Any) -> Any:
        """Send a request, again until the server answers, for as long as one of its restarts takes.

        Args:
            method: GET, POST or PATCH.
            path: Below /api/v2.
            body: Sent as JSON.
            meanings: `missing` is returned for a 404, and `exists` for a 409.
        """
        # urllib3's Retry counts tries, and a refused connection fails in a millisecond: here time has to be counted.
        from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

        tries = Retrying(
            stop=stop_after_delay(SECONDS_TO_COME_BACK),
            wait=wait_fixed(SECONDS_BETWEEN_TRIES),
            retry=retry_if_exception_type(Unreachable),
            reraise=True,
        )
        status, answer = tries(self._answered, method, path, body)
        meaning = {404: "missing", 409: "exists"}.get(status)
        if meaning in meanings:
            return meanings[meaning]
        if status in (400, 422):
            raise Rejected(f"Airflow refuses this: {_detail(answer)}")
        if status >= 300:
            raise Rejected(f"Airflow answered {status} to {method} {path}: {_detail(answer)}")
        return answer

    def _answered(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        try:
            status, answer = self._signed_in(method, path, body)
        except NoAnswer as error:
            raise Unreachable(f"Airflow at {self._place} does not answer: {error.reason}.") from None
        if status >= 500:  # a busy SQLite, or a server that is going down
            raise Unreachable(f"Airflow answered {status} to {method} {path}: {_detail(answer)}")
        return status, answer

    def _signed_in(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        for _ in range(2):
            if not self._token:
                status, answer = self._once("POST", "/auth/token", self._sign_in)
                if status >= 500:
                    return status, answer
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
        with Client(token=self._token) as client:
            answer = client.request(method, self.url + path, body=body, redirects=False)
        try:
            return answer.status, answer.json()
        except ValueError:
            return answer.status, answer.text[:500]


def _detail(answer: Any) -> str:
    return str(answer.get("detail", answer)) if isinstance(answer, dict) else str(answer)
