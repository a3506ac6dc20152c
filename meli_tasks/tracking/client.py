"""The few calls of MLflow's REST interface that a projection needs.

Why not MLflow's own client: importing it takes 2 s of processor in every task (it brings pandas, pyarrow and fastapi),
and it repeats a failed call for minutes. This one answers or fails within seconds. Logging a model still uses theirs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

from meli_tasks.core.errors import BadSettings, TrackingRejected, TrackingUnavailable
from meli_tasks.http import Client, NoAnswer, without_credentials

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 10.0
UPLOAD_SECONDS = 60.0
METRICS_A_CALL = 1_000
PARAMS_A_CALL = 100
PROXIED = "mlflow-artifacts"
ABSENT = "RESOURCE_DOES_NOT_EXIST"
PRESENT = "RESOURCE_ALREADY_EXISTS"
# What MLflow answers when its database refuses rows, such as those that another task inserted a moment before.
ROWS_REFUSED = "BAD_REQUEST"
ADDING_TRIES = 4
# Without it MLflow's pages take an experiment for one of language-model traces, and open on empty charts.
# The pages of a link need telling by themselves.
PAGES = "?workflowType=machine_learning"
EXPERIMENT_KIND = {"key": "mlflow.experimentKind", "value": "custom_model_development"}


class MlflowServer:
    """One MLflow server, by its URL. Credentials come from the variables that MLflow's own client reads.

    `pages` is the address at which a person's browser finds it, where that is another one.
    """

    def __init__(self, uri: str, pages: str = "") -> None:
        if urlsplit(uri).scheme not in ("http", "https"):
            raise BadSettings(f"MLFLOW_TRACKING_URI={uri!r} is no server: it must look like http://127.0.0.1:5000.")
        self.uri = uri.rstrip("/")
        self.pages = (pages or without_credentials(uri)).rstrip("/")
        self._client: Client | None = None

    def experiment(self, name: str) -> str:
        """The id of an experiment, created if there is none."""
        try:
            found = self.get("experiments/get-by-name", experiment_name=name)["experiment"]
        except TrackingRejected as error:
            if error.code != ABSENT:
                raise
            try:
                return str(self.post("experiments/create", name=name, tags=[EXPERIMENT_KIND])["experiment_id"])
            except TrackingRejected as second:
                if second.code != PRESENT:  # another task made it in between
                    raise
            found = self.get("experiments/get-by-name", experiment_name=name)["experiment"]
        if found["lifecycle_stage"] != "active":
            self.post("experiments/restore", experiment_id=found["experiment_id"])
        if EXPERIMENT_KIND["key"] not in {tag["key"] for tag in found.get("tags", [])}:
            self.add("experiments/set-experiment-tag", experiment_id=found["experiment_id"], **EXPERIMENT_KIND)
        return str(found["experiment_id"])

    def runs(self, experiment: str, tags: Mapping[str, str]) -> list[dict[str, Any]]:
        """The runs that carry all these tags, the oldest first."""
        wanted = " and ".join(f"tags.`{key}` = {quoted(value)}" for key, value in tags.items())
        found = self.post("runs/search", experiment_ids=[experiment], filter=wanted, max_results=50).get("runs", [])
        return sorted(found, key=lambda run: (int(run["info"].get("start_time", 0)), run["info"]["run_id"]))

    def log(
        self,
        run_id: str,
        *,
        metrics: Sequence[Mapping[str, Any]] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Log metrics (key, value, timestamp in ms, step), params and tags; the same ones again change nothing."""
        pairs = [{"key": key, "value": value} for key, value in (params or {}).items()]
        for start in range(0, len(pairs), PARAMS_A_CALL):
            self.add("runs/log-batch", run_id=run_id, params=pairs[start : start + PARAMS_A_CALL])
        for start in range(0, len(metrics), METRICS_A_CALL):
            self.add("runs/log-batch", run_id=run_id, metrics=list(metrics[start : start + METRICS_A_CALL]))
        if tags:
            self.add("runs/log-batch", run_id=run_id, tags=[{"key": k, "value": v} for k, v in tags.items()])

    def upload(self, run: Mapping[str, Any], name: str, data: bytes) -> None:
        """Put a file among a run's artifacts, through the server where it hands them on to its storage."""
        root = urlsplit(run["info"]["artifact_uri"])
        if root.scheme != PROXIED:
            self._upload_beside_the_server(run["info"]["run_id"], name, data)
            return
        path = quote(str(PurePosixPath(root.path.lstrip("/"), name)))
        self._call("PUT", f"{PROXIED}/artifacts/{path}", data=data, seconds=UPLOAD_SECONDS)

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """GET an endpoint below /api/2.0/mlflow/.

        Raises:
            TrackingUnavailable: no answer in time, or a server that is going down.
            TrackingRejected: MLflow said no; `code` is its own word for why.
        """
        return self._call("GET", f"mlflow/{path}", query=query)

    def post(self, path: str, **fields: Any) -> dict[str, Any]:
        """POST to an endpoint below /api/2.0/mlflow/; raises like `get`."""
        return self._call("POST", f"mlflow/{path}", body=fields)

    def add(self, path: str, **fields: Any) -> None:
        """POST what MLflow keeps once however often it is told; raises like `get`.

        MLflow looks for what is there and inserts the rest, so of two tasks that add the same at one moment the slower
        is refused; the quicker one's rows are there by then, and asked again MLflow finds them.
        """
        for attempt in range(1, ADDING_TRIES + 1):
            try:
                self.post(path, **fields)
                return
            except TrackingRejected as error:
                if error.code != ROWS_REFUSED or attempt == ADDING_TRIES:
                    raise

    def delete(self, path: str, **fields: Any) -> dict[str, Any]:
        """DELETE at an endpoint below /api/2.0/mlflow/; raises like `get`."""
        return self._call("DELETE", f"mlflow/{path}", body=fields)

    def run_url(self, experiment: str, run_id: str) -> str:
        """The page of a run, for a person's browser."""
        return f"{self.pages}/#/experiments/{experiment}/runs/{run_id}{PAGES}"

    def version_url(self, model: str, version: str) -> str:
        """The page of a registered model's version, for a person's browser."""
        return f"{self.pages}/#/models/{model}/versions/{version}"

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        server = without_credentials(self.uri)
        try:
            answer = self._http().request(method, f"{self.uri}/api/2.0/{path}", **options)
        except NoAnswer as error:
            raise TrackingUnavailable(
                f"MLflow at {server} does not answer ({error.reason}). Is it running, and is MLFLOW_TRACKING_URI right?"
            ) from error
        try:
            body = answer.json() or {}
        except ValueError:
            if answer.ok:  # a proxy's sign-in page, or another server altogether
                raise TrackingUnavailable(
                    f"What answers {method} {path} at {server} is not MLflow: {answer.text[:60]!r}… "
                    "Is MLFLOW_TRACKING_URI right?"
                ) from None
            body = {"message": answer.text[:300]}
        if answer.ok:
            return dict(body)
        code = str(body.get("error_code", answer.status))
        advice = " Check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD." if answer.status == 401 else ""
        refused = f"MLflow at {server} refused {method} {path} with {answer.status} {code}: "
        refused += f"{body.get('message', '')}{advice}"
        if answer.status in (429, 502, 503, 504):
            raise TrackingUnavailable(refused)
        raise TrackingRejected(refused, code=code)

    def _http(self) -> Client:
        if self._client is None:
            token = os.environ.get("MLFLOW_TRACKING_TOKEN", "")
            certificate = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
            insecure = os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() == "true"
            self._client = Client(
                CONNECT_SECONDS, ANSWER_SECONDS, sign_in=sign_in(), token=token, verify=certificate or not insecure
            )
        return self._client

    def _upload_beside_the_server(self, run_id: str, name: str, data: bytes) -> None:
        """A server that does not hand artifacts on leaves its clients to write to the storage: theirs can."""
        import tempfile
        from pathlib import Path

        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, PurePosixPath(name).name)
            path.write_bytes(data)
            parent = str(PurePosixPath(name).parent)
            try:
                MlflowClient(self.uri).log_artifact(run_id, str(path), None if parent == "." else parent)
            except (MlflowException, OSError) as error:
                raise TrackingUnavailable(f"The artifact {name} could not be written: {error}") from error


def quoted(value: str) -> str:
    """A string of MLflow's filter language."""
    mark = '"' if "'" in value else "'"
    return f"{mark}{value.replace(mark, '')}{mark}"


def sign_in() -> tuple[str, str] | None:
    """User and password of the server, from the variables that MLflow's own client reads; None where none are set."""
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    return (user, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None
