"""A canary in every secret: after whole runs, it is in no place that a person or another system reads."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import traceback
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from meli_tasks import concealed
from meli_tasks.backfill.planning import preview_backfill
from meli_tasks.backfill.request import Backfill, backfill_form_fields
from meli_tasks.concealed import SecretsUnknown, conceal_all, restored
from meli_tasks.core.errors import BadHyperparameters, BadSettings, MeliError
from meli_tasks.local_run import LocalRun
from meli_tasks.notifications import run_events
from meli_tasks.notifications.failures import Failure
from meli_tasks.notifications.message import DagRun
from meli_tasks.pages import NightFilter, RunFilter
from meli_tasks.pipeline import Pipeline
from meli_tasks.planning.command import lacks_secrets, run_command, trigger_conf
from meli_tasks.planning.form import form_fields
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.request import Request
from meli_tasks.redaction import redact
from meli_tasks.run_outcome import StepReporter
from meli_tasks.scoring.form import batch_form_fields
from meli_tasks.scoring.planning import plan_batch
from meli_tasks.scoring.request import BatchRequest
from meli_tasks.settings import Settings
from meli_tasks.stages.files.sample_file import write_sample
from tests import servers
from tests.cli.program import here
from tests.notifications import sinks
from tests.pages.served import ServedPages
from tests.sources.test_web import Site, site

pytestmark = pytest.mark.integration

__all__ = ["site"]  # a fixture

MARK = "CANARY0F7ests"
DAY = date(2026, 11, 20)
NAMES = (
    "password", "signature", "token", "golden", "label", "batch", "webhook", "secretkey", "smtp", "airflow", "mlflow",
    "serving", "known",
)  # fmt: skip
SECRET = {name: f"{MARK}{name}" for name in NAMES}
ENCODED = [
    form
    for shift in range(3)  # where the mark begins in base64 depends on what is before it
    for form in [base64.b64encode(b"x" * shift + MARK.encode())[4 * bool(shift) : -4]]
]


def leaks(data: bytes) -> bool:
    """Whether a canary is among some bytes, as it is or in base64, as in the header Authorization."""
    return any(form in data for form in (MARK.encode(), *ENCODED))


def leaking_files(*folders: Path) -> list[Path]:
    """The files with a canary in their content, unpacked if they are compressed, or in their names."""
    found = []
    for path in (path for folder in folders for path in folder.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        if leaks(data) or leaks(str(path).encode()):
            found.append(path)
    return found


class Quiet(StepReporter):
    def planned(self, preview: Any) -> None: ...
    def started(self, stage: str, name: str) -> None: ...
    def finished(self, step: Any) -> None: ...


@dataclass
class World:
    """A site whose addresses have secrets, settings with more of them, and the runs that used both."""

    folder: Path
    settings: Settings
    environment: dict[str, str]
    params: dict[str, Any]
    plan: Plan
    logged: str
    received: list[Any]
    failed: MeliError


def fill(site: Site, folder: Path) -> None:
    """Titles, golden titles and word vectors, each behind an address with secrets."""
    write_sample(folder / "titles.parquet", 800, 3, 0.01)
    rows = pq.read_table(folder / "titles.parquet").to_pylist()
    words = sorted({word.lower() for row in rows for word in row["title"].split()})
    vectors = "".join(f"{word} {len(word)} {number % 7} 1 0.5\n" for number, word in enumerate(words))
    site.headers = {"ETag": '"1"'}
    site.files = {
        "/titles.parquet": (folder / "titles.parquet").read_bytes(),
        "/batch.parquet": (folder / "titles.parquet").read_bytes(),
        "/golden.csv": f'title,category\n"{rows[0]["title"]}",{rows[0]["category"]}\n'.encode(),
        "/vectors.txt": f"{len(words)} 4\n{vectors}".encode(),
    }


def variables(site: Site, folder: Path, webhook: str, tracking: str) -> dict[str, str]:
    """Settings with a canary in each secret."""
    mine = site.url.replace("://", f"://me:{SECRET['password']}@")
    return {
        "MELI_HOME": str(folder / "home"),
        "MELI_STORE": (folder / "store").as_uri(),
        "MELI_CACHE": str(folder / "cache"),
        "MELI_SOURCE": f"{mine}/{{ds}}.csv?sig={SECRET['signature']}",
        "MELI_BATCH_SOURCE": f"{mine}/batch.parquet?sig={SECRET['batch']}",
        "MELI_MONITORING_LABELS": f"{mine}/labels.csv?sig={SECRET['label']}",
        "MELI_ADDRESSES": f"{site.url}/known.csv?sig={SECRET['known']}",
        "MLFLOW_TRACKING_URI": tracking.replace("://", f"://me:{SECRET['mlflow']}@"),
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": SECRET["secretkey"],
        "MELI_WEBHOOK": webhook,
        "MELI_EMAIL": "a@example.org",
        "MELI_SMTP": f"smtp://robot:{SECRET['smtp']}@127.0.0.1:9",
        "MELI_NOTIFY": "always",
        "MELI_AIRFLOW_URL": "http://127.0.0.1:9",
        "MELI_AIRFLOW_USER": "me",
        "MELI_AIRFLOW_PASSWORD": SECRET["airflow"],
        "MELI_SERVING_KEYS": SECRET["serving"],
        "MELI_DEVICE": "cpu",
        "MELI_MLFLOW_SECONDS": "600",
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, mlflow_server: servers.MlflowServer) -> Any:
    """A run that promotes, and one that fails: its server refuses the connection."""
    folder = tmp_path_factory.mktemp("canaries")
    patch, log = pytest.MonkeyPatch(), folder / "run.log"
    handler = logging.FileHandler(log)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    root = logging.getLogger()
    level = root.level
    served = site.__wrapped__()  # type: ignore[attr-defined]
    made: Site = next(served)
    fill(made, folder)
    mine = made.url.replace("://", f"://me:{SECRET['password']}@")
    params = {
        "source": f"{mine}/titles.parquet?X-Amz-Signature={SECRET['signature']}",
        "golden": f"{mine}/golden.csv?sig={SECRET['golden']}",
        "sets": ["quick_mlp"],
        "overrides": {
            "embed.method": "pretrained", "embed.path": f"{made.url}/vectors.txt?token={SECRET['token']}",
            "embed.dimensions": 4, "train.epochs": 1,
        },
    }  # fmt: skip
    try:
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        with sinks.webhook() as hook:
            environment = variables(made, folder, hook.url.replace("SECRET", SECRET["webhook"]), mlflow_server.url)
            for name, value in environment.items():
                patch.setenv(name, value)
            settings = Settings.from_environment()
            run = LocalRun(Quiet(), "canary", settings)
            run.go(params, DAY, "promote")
            assert run.plan is not None and not run.failed
            dag_run = DagRun("meli_training", "canary")
            run_events.run_ended(dag_run, succeeded=True)
            nowhere = f"http://me:{SECRET['password']}@127.0.0.1:9/t.csv?sig={SECRET['token']}"
            with pytest.raises(MeliError) as failing:
                LocalRun(Quiet(), "failing", settings).go({**params, "source": nowhere}, DAY, "promote")
            text = f"GET {params['source']} with Authorization: Bearer {SECRET['token']}: {failing.value}"
            failure = Failure("plan", "", text, "2026-11-20T00:00:00+00:00")
            run_events.task_failed(DagRun("meli_training", "failing"), failure, -1)
            run_events.run_ended(DagRun("meli_training", "failing"), succeeded=False)
            bodies = hook.bodies
        root.removeHandler(handler)
        handler.close()
        yield World(folder, settings, environment, params, run.plan, log.read_text(), bodies, failing.value)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        patch.undo()
        next(served, None)


@pytest.fixture
def as_in_a_task(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Another process of the same run: it has the settings, and knows nothing else."""
    monkeypatch.setattr(concealed, "_whole", {})
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    return world


def test_no_byte_of_the_store_and_of_the_cache(world: World) -> None:
    assert len(list((world.folder / "store").rglob("*"))) > 50
    assert leaking_files(world.folder / "store", world.folder / "cache") == []


def test_no_line_of_any_log(world: World) -> None:
    assert "quick_mlp" in world.logged and "urllib3" in world.logged
    assert [line for line in world.logged.splitlines() if leaks(line.encode())] == []


def test_no_record_of_mlflow(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    [folder] = tmp_path_factory.getbasetemp().glob("mlflow[0-9]*")
    assert any(b"quick_mlp" in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert leaking_files(folder) == []


def test_no_notification(world: World) -> None:
    assert len(world.received) == 2
    assert not leaks(json.dumps(world.received).encode())
    assert "/titles.parquet" in json.dumps(world.received)


def test_no_page(as_in_a_task: World) -> None:
    world = as_in_a_task
    pages = ServedPages(world.settings.open_store())
    found = [
        pages.run(world.plan.name), pages.models(RunFilter()), pages.decisions(20), pages.nights(NightFilter(), []),
        pages.news([]), pages.mlflow(), pages.training(world.plan.name, "quick_mlp"), pages.monitoring(),
        pages.report(world.plan.name).decode(),
        *(pages.artifact(step.stage, step.key) for step in world.plan.steps()),
    ]  # fmt: skip
    assert "titles.parquet?..." in str(found)
    assert not leaks(json.dumps(found).encode())


def test_no_form_no_preview_and_no_configuration(as_in_a_task: World) -> None:
    world, store = as_in_a_task, as_in_a_task.settings.open_store()
    settings = Settings.from_environment()
    forms = [form_fields(settings), backfill_form_fields(settings), batch_form_fields(settings)]
    days = {"from_date": str(DAY), "to_date": str(DAY)}
    backfill = preview_backfill(Backfill.check({**world.params, **days}, settings), settings, store, "b")
    backfill.save(store)
    batch = plan_batch(BatchRequest.check({"set_name": "quick_mlp"}, settings), settings, store, DAY)
    written = [
        forms, backfill.to_json(), backfill.markdown(), backfill.lines(), run_command(world.plan),
        trigger_conf(world.plan), batch.model_dump(mode="json"), repr(settings), repr(world.plan),
    ]  # fmt: skip
    assert not leaks(json.dumps(written, default=str).encode())
    assert leaking_files(world.folder / "store") == []
    assert lacks_secrets(world.plan)
    conf = restored(backfill.dates[0].conf, world.params)  # as the run of a date gets it
    assert {name: conf[name] for name in ("source", "golden", "overrides")}.items() <= world.params.items()


def test_no_output_of_a_command(as_in_a_task: World, tmp_path: Path) -> None:
    report = ["report", "canary", "--output", str(tmp_path / "report.html")]
    for command in (["runs"], ["champion", "--json"], ["card"], report, ["doctor"]):
        done = here(*command)
        assert not leaks(done.output.encode() + str(done.exception).encode()), command


def test_no_error_and_no_traceback(as_in_a_task: World) -> None:
    world = as_in_a_task
    shown = redact("".join(traceback.format_exception(world.failed)))
    assert "127.0.0.1:9" in shown and not leaks(shown.encode())
    for wrong in ({"folds": "many"}, {"folds": 2, "search_minutes": 5}, {"language": world.params["source"]}):
        with pytest.raises(BadHyperparameters) as caught:
            Request.check({**world.params, **wrong}, world.settings)
        assert not leaks(str(caught.value).encode())
    ftp = world.params["source"].replace("http", "ftp")
    with pytest.raises(BadSettings) as refused:
        Settings.from_environment({**world.environment, "MELI_AIRFLOW_URL": ftp})
    assert not leaks(str(refused.value).encode())


def test_a_task_in_another_process_downloads_with_what_its_run_was_given(as_in_a_task: World) -> None:
    world = as_in_a_task
    pipeline, plan = Pipeline.of(world.plan.name, Settings.from_environment())
    with pytest.raises(SecretsUnknown, match=r"titles\.parquet"):
        pipeline.runner.run(plan.ingest, force=True)
    conceal_all(world.params)
    assert not pipeline.runner.run(plan.ingest, force=True).hit
    assert leaking_files(world.folder / "store") == []
