"""A client for the few calls of MLflow's REST API that tracking needs.

MLflow's own client is not used, because importing it takes 2 s of CPU time in every task (it imports pandas, pyarrow
and fastapi) and because it retries a failed call for minutes. This one succeeds or fails within seconds. Only logging
a model still uses MLflow's.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from meli_tasks.core.errors import BadSettings, TrackingRejected, TrackingUnavailable
from meli_tasks.http import Answer, Client, NoAnswer
from meli_tasks.proxies import bypass_for_this_machine
from meli_tasks.redaction import without_credentials
from meli_tasks.tracking.entities import MlflowRun, ModelVersion, RegisteredModel
from meli_tasks.tracking.patience import ANSWER_SECONDS, CONNECT_SECONDS, DEFAULT_PATIENCE, Patience

if TYPE_CHECKING:
    from meli_tasks.settings import Settings
    from meli_tasks.tracking.fields import Metric

UPLOAD_SECONDS = 60.0
IN_VAIN_SECONDS = 2.5
"""An answer that has not come after so long was waited for in vain; a refused connection was not waited for."""
METRICS_A_CALL = 1_000
PARAMS_A_CALL = 100
VERSIONS_A_PAGE = 200
PROXIED = "mlflow-artifacts"
NOT_FOUND_CODE = "RESOURCE_DOES_NOT_EXIST"
EXISTS_CODE = "RESOURCE_ALREADY_EXISTS"
# MLflow's error code when its database rejects rows, e.g. because another task has just inserted them.
ROWS_REFUSED = "BAD_REQUEST"
ADDING_TRIES = 4
# Without it, MLflow takes an experiment for one of language-model traces and opens on empty charts. A link does not
# inherit it from the experiment, so every link contains it.
PAGE_QUERY = "?workflowType=machine_learning"
EXPERIMENT_KIND = {"key": "mlflow.experimentKind", "value": "custom_model_development"}


class MlflowServer:
    """One MLflow server, by its URL. Credentials come from the variables that MLflow's own client reads.

    `pages` is the address at which a browser reaches it, if it differs. `in_vain` is called when it has been waited for
    in vain.
    """

    def __init__(
        self,
        uri: str,
        pages: str = "",
        patience: Patience = DEFAULT_PATIENCE,
        in_vain: Callable[[], None] = lambda: None,
    ) -> None:
        if urlsplit(uri).scheme not in ("http", "https"):
            raise BadSettings(
                f"MLFLOW_TRACKING_URI={uri!r} is not a server address: it must look like http://127.0.0.1:5000."
            )
        self.uri = uri.rstrip("/")
        self.pages = (pages or without_credentials(uri)).rstrip("/")
        self._patience = patience
        self._in_vain = in_vain
        self._waited = 0.0
        self._client: Client | None = None

    def experiment(self, name: str) -> str:
        """The id of an experiment, created if there is none."""
        try:
            found = self.get("experiments/get-by-name", experiment_name=name)["experiment"]
        except TrackingRejected as error:
            if error.code != NOT_FOUND_CODE:
                raise
            try:
                return str(self.post("experiments/create", name=name, tags=[EXPERIMENT_KIND])["experiment_id"])
            except TrackingRejected as second:
                if second.code != EXISTS_CODE:  # another task made it in between
                    raise
            found = self.get("experiments/get-by-name", experiment_name=name)["experiment"]
        if found["lifecycle_stage"] != "active":
            self.post("experiments/restore", experiment_id=found["experiment_id"])
        if EXPERIMENT_KIND["key"] not in {tag["key"] for tag in found.get("tags", [])}:
            self.add("experiments/set-experiment-tag", experiment_id=found["experiment_id"], **EXPERIMENT_KIND)
        return str(found["experiment_id"])

    def runs(self, experiment: str, tags: Mapping[str, str]) -> list[MlflowRun]:
        """The runs that carry all these tags, the oldest first."""
        wanted = " and ".join(f"tags.`{key}` = {quoted(value)}" for key, value in tags.items())
        found = self.post("runs/search", experiment_ids=[experiment], filter=wanted, max_results=50).get("runs", [])
        return sorted(map(MlflowRun.parse, found), key=lambda run: (run.started, run.id))

    def running(self, experiment: str) -> list[MlflowRun]:
        """The runs of an experiment that have not ended."""
        wanted = "attributes.status = 'RUNNING'"
        found = self.post("runs/search", experiment_ids=[experiment], filter=wanted, max_results=200).get("runs", [])
        return list(map(MlflowRun.parse, found))

    def run(self, run_id: str) -> MlflowRun | None:
        """A run by its id; None if there is none."""
        found = self._found("runs/get", run_id=run_id)
        return MlflowRun.parse(found["run"]) if found else None

    def create_run(self, experiment: str, name: str, start: int, tags: Mapping[str, str]) -> MlflowRun:
        """Create a run that started at `start`, in ms since 1970."""
        pairs = [{"key": key, "value": value} for key, value in tags.items()]
        answer = self.post("runs/create", experiment_id=experiment, run_name=name, start_time=start, tags=pairs)
        return MlflowRun.parse(answer["run"])

    def registered_model(self, name: str) -> RegisteredModel | None:
        """A registered model with its aliases and tags; None if there is none."""
        found = self._found("registered-models/get", name=name)
        return RegisteredModel.parse(found["registered_model"]) if found else None

    def create_registered_model(self, name: str, description: str, tags: Mapping[str, str]) -> bool:
        """Create a registered model; False if there is one already, which is left as it is."""
        pairs = [{"key": key, "value": value} for key, value in tags.items()]
        try:
            self.post("registered-models/create", name=name, description=description, tags=pairs)
        except TrackingRejected as error:
            if error.code != EXISTS_CODE:
                raise
            return False
        return True

    def version(self, model: str, number: str) -> ModelVersion | None:
        """A version of a registered model; None if there is none."""
        found = self._found("model-versions/get", name=model, version=number)
        return ModelVersion.parse(found["model_version"]) if found else None

    def versions(self, model: str, tag: str, value: str) -> list[ModelVersion]:
        """The versions of a registered model that carry a tag."""
        wanted = f"name = {quoted(model)} and tags.`{tag}` = {quoted(value)}"
        found = self.get("model-versions/search", filter=wanted).get("model_versions", [])
        return [ModelVersion.parse(version) for version in found]

    def all_versions(self, model: str) -> list[ModelVersion]:
        """Every version of a registered model, in pages.

        A page begins after the last number of the one before it. MLflow's own pages begin after a number of versions
        by the time of their last change: one that changes in between moves to the front, and is never read.
        """
        found = list[ModelVersion]()
        while True:
            after = found[-1].number if found else "0"
            wanted = f"name = {quoted(model)} and version_number > {after}"
            page = {"order_by": "version_number ASC", "max_results": str(VERSIONS_A_PAGE)}
            answer = self.get("model-versions/search", filter=wanted, **page)
            found += map(ModelVersion.parse, answer.get("model_versions", []))
            if not answer.get("next_page_token"):  # a server may return fewer than requested
                return found

    def log(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Log metrics, params and tags; logging the same ones again changes nothing."""
        pairs = [{"key": key, "value": value} for key, value in (params or {}).items()]
        for start in range(0, len(pairs), PARAMS_A_CALL):
            self.add("runs/log-batch", run_id=run_id, params=pairs[start : start + PARAMS_A_CALL])
        for start in range(0, len(metrics), METRICS_A_CALL):
            self.add(
                "runs/log-batch",
                run_id=run_id,
                metrics=[metric._asdict() for metric in metrics[start : start + METRICS_A_CALL]],
            )
        if tags:
            self.add("runs/log-batch", run_id=run_id, tags=[{"key": k, "value": v} for k, v in tags.items()])

    def upload(self, run: MlflowRun, name: str, data: bytes) -> None:
        """Put a file among a run's artifacts, through the server if it passes them on to its storage."""
        root = urlsplit(run.artifacts)
        if root.scheme != PROXIED:
            self._upload_beside_the_server(run.id, name, data)
            return
        path = quote(str(PurePosixPath(root.path.lstrip("/"), name)))
        self._call("PUT", f"{PROXIED}/artifacts/{path}", data=data, seconds=UPLOAD_SECONDS)

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """GET an endpoint below /api/2.0/mlflow/.

        Raises:
            TrackingUnavailable: no response in time, or the server is shutting down.
            TrackingRejected: MLflow refused; `code` is its own code for the reason.
        """
        return self._call("GET", f"mlflow/{path}", query=query)

    def post(self, path: str, **fields: Any) -> dict[str, Any]:
        """POST to an endpoint below /api/2.0/mlflow/; raises like `get`."""
        return self._call("POST", f"mlflow/{path}", body=fields)

    def add(self, path: str, **fields: Any) -> None:
        """POST something that MLflow stores only once, however often it is sent; raises like `get`.

        MLflow looks up the existing rows and inserts the missing ones, so if two tasks add the same rows at the same
        moment, the slower request is rejected. A retry then finds the rows of the faster one.
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
        return f"{self.pages}/#/experiments/{experiment}/runs/{run_id}{PAGE_QUERY}"

    def version_url(self, model: str, version: str) -> str:
        """The page of a registered model's version, for a person's browser."""
        return f"{self.pages}/#/models/{model}/versions/{version}"

    def _found(self, path: str, **query: str) -> dict[str, Any] | None:
        """GET something that may not be there."""
        try:
            return self.get(path, **query)
        except TrackingRejected as error:
            if error.code != NOT_FOUND_CODE:
                raise
            return None

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        server = without_credentials(self.uri)
        answer = self._answer(method, f"{self.uri}/api/2.0/{path}", options)
        try:
            body = answer.json() or {}
        except ValueError:
            if answer.ok:  # a proxy's sign-in page, or another server altogether
                raise TrackingUnavailable(
                    f"The server at {server} is not MLflow: it answered {method} {path} with {answer.text[:60]!r}… "
                    "Check MLFLOW_TRACKING_URI."
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

    def _answer(self, method: str, url: str, options: dict[str, Any]) -> Answer:
        """Send a request, if there is any patience left."""
        server, total = without_credentials(self.uri), self._patience.total_seconds
        if total is not None and self._waited >= total:
            if self._patience.usual_seconds:
                self._in_vain()
            raise TrackingUnavailable(f"MLflow at {server} is slow: its answers took {self._waited:.0f} s.")
        if self._client is None:
            self._client = http_client(self._patience.connect_seconds, self._patience.answer_seconds)
        if total is not None:
            left = total - self._waited + self._patience.usual_seconds
            options["seconds"] = min(options.get("seconds", self._patience.answer_seconds), left)
        started = time.monotonic()
        try:
            return self._client.request(method, url, **options)
        except NoAnswer as error:
            # What is quick may have had ordinary answers until little of its budget was left.
            allowed = options.get("seconds", IN_VAIN_SECONDS) if self._patience.usual_seconds else IN_VAIN_SECONDS
            if time.monotonic() - started >= min(allowed, IN_VAIN_SECONDS):
                self._in_vain()
            raise TrackingUnavailable(
                f"MLflow at {server} does not answer ({error.reason}). Check that it is running and that "
                "MLFLOW_TRACKING_URI is right."
            ) from error
        finally:
            self._waited += max(0.0, time.monotonic() - started - self._patience.usual_seconds)

    def expect(self, requests: int) -> None:
        """Make sure that there is patience for so many requests by MLflow's own client, which has none of ours.

        Raises:
            TrackingUnavailable: the server is so slow that they would take longer than the rest of the budget.
        """
        total = self._patience.total_seconds
        if total is None or not self._patience.usual_seconds:
            return
        started = self._waited
        self.get("experiments/search", max_results="1")
        needed = (self._waited - started) * requests
        if self._waited + needed > total:
            self._in_vain()
            raise TrackingUnavailable(
                f"MLflow at {without_credentials(self.uri)} is slow: {requests} more answers would take about "
                f"{needed:.0f} s."
            )

    def _upload_beside_the_server(self, run_id: str, name: str, data: bytes) -> None:
        """Upload with MLflow's own client: it writes to the storage of a server that does not pass artifacts on."""
        import tempfile
        from pathlib import Path

        keep_mlflow_quiet()
        bypass_for_this_machine()
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


def keep_mlflow_quiet() -> None:
    """Have MLflow's own client print no progress bars and nothing below warnings: its lines would stand among ours.

    It reads these variables when it is imported, and at each upload.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    logging.getLogger("mlflow").setLevel(logging.WARNING)


def quoted(value: str) -> str:
    """Quote a string for MLflow's filter language."""
    mark = '"' if "'" in value else "'"
    return f"{mark}{value.replace(mark, '')}{mark}"


def sign_in(settings: Settings) -> None:
    """Have every client of MLflow in this process, its own too, sign in as the settings say: they read variables."""
    if settings.mlflow_user:
        os.environ["MLFLOW_TRACKING_USERNAME"] = settings.mlflow_user
        os.environ["MLFLOW_TRACKING_PASSWORD"] = settings.mlflow_password


def http_client(connect_seconds: float = CONNECT_SECONDS, read_seconds: float = ANSWER_SECONDS) -> Client:
    """A client that signs in as MLflow's own one does, from the same variables.

    Without them, the user and password in the address count, if it has some.
    """
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    insecure = os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").strip().lower() in ("true", "1")
    return Client(
        connect_seconds,
        read_seconds,
        sign_in=(user, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None,
        token=os.environ.get("MLFLOW_TRACKING_TOKEN", ""),
        verify=os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or not insecure,
    )
