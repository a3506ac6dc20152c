"""Part `versions`: a promotion with very many registered versions in a real MLflow.

    python -m benchmarks versions                # 1,000 versions
    python -m benchmarks versions --rows 5000

A night of two quick sets is run, and a model of it that it did not promote becomes champion by hand. Then the versions
of other models are registered, and the same is done with another night. What follows the alias, checks it and prunes is
measured after both. The server counts the requests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench_prune import night
from benchmarks.figures import Figure, Options, at_most
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.ledger import Ledger
from meli_tasks.pages import Pages
from meli_tasks.planning.run_index import RunIndex
from meli_tasks.pruning.nightly import open_prune, rules_of
from meli_tasks.settings import Settings
from meli_tasks.stack import servers
from meli_tasks.tracking.agreement import findings
from meli_tasks.tracking.client import VERSIONS_A_PAGE, MlflowServer
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registry import Registry
from meli_tasks.tracking.runs import ARTIFACT_KEY, SHA256

VERSIONS, SMALL_VERSIONS = 1_000, 20
DESCRIPTION = "A model card of another champion. " * 140
"""As long as a model card's summary, of which MLflow keeps 5,000 characters."""
SECONDS_TO_START = 300.0


@dataclass(frozen=True)
class Mlflow:
    """A running server."""

    uri: str
    log: Path

    @property
    def answered(self) -> int:
        """How many requests it has answered."""
        return self.log.read_text(errors="replace").count('HTTP/1.1"')


@contextmanager
def running(folder: Path) -> Iterator[Mlflow]:
    """A server of the benchmark's own, which says each request in its log."""
    port, log = servers.free_port(), folder / "mlflow.log"
    folder.mkdir(parents=True)
    command = servers.mlflow_command(folder / "data", port)
    server = servers.Server("MLflow", command, log, servers.mlflow_environment(folder / "data"))
    try:
        server.start().wait_until(servers.mlflow_ready(port), seconds=SECONDS_TO_START)
        yield Mlflow(f"http://{servers.HOST}:{port}", log)
    finally:
        server.stop(seconds=10)


def add_versions(uri: str, model: str, number: int) -> None:
    """Register versions of other models, as promotions leave them, with the files of the first version."""
    server = MlflowServer(uri)
    first = server.get("model-versions/get", name=model, version="1")["model_version"]
    files = {"source": first["source"], "model_id": first["source"].removeprefix("models:/")}
    for each in range(number):
        tags = {ARTIFACT_KEY: f"{each:032x}", SHA256: f"{each:064x}", "meli.set": "mlp", "meli.run": f"night {each}"}
        pairs = [{"key": key, "value": value} for key, value in tags.items()]
        server.post("model-versions/create", name=model, tags=pairs, description=DESCRIPTION, **files)


def look(settings: Settings, server: Mlflow, number: int) -> list[Figure]:
    """Run a night and promote a model of it that was not champion yet; what that and looks at the registry took."""
    night(settings, number, 600)
    store = settings.open_store()
    [run] = RunIndex(store).newest(1, LenientReader(store))
    assert run.evaluated is not None
    decisions = Ledger(store).decisions()
    champions = {each.champion.train for each in decisions if each.champion}
    model = next(key for key in run.evaluated.models.values() if key not in champions)

    def promote() -> object:
        expected = decisions[-1].number
        changed = Pages.of(settings).promote(model, by="benchmark", reason="to measure", expected=expected)
        assert not changed.warning, changed.warning
        return changed

    steps: dict[str, Callable[[], object]] = {
        "promotion": promote,
        "meli champion": lambda: Registry.quick(settings, store).repair(),
        "meli doctor": lambda: [each.agrees for each in findings(Ledger(store), Tracking.of(settings, store))],
        "page Models": lambda: Pages.of(settings).mlflow(),
        "prune": lambda: open_prune(settings, rules_of(settings), "benchmark").find(),
    }
    figures = []
    for name, step in steps.items():
        before, start = server.answered, time.monotonic()
        step()
        seconds = time.monotonic() - start
        figures.append(Figure(name, server.answered - before, "requests", note=f"{seconds:.1f} s"))
    return figures


def run(options: Options) -> list[Figure]:
    """Requests to MLflow, with a single version and with many."""
    number = options.rows[0] if options.rows else SMALL_VERSIONS if options.small else VERSIONS
    with running(options.work / "mlflow") as server:
        settings = Settings.from_environment(
            {
                "MELI_STORE": (options.work / "store").as_uri(),
                "MELI_CACHE": str(options.work / "cache"),
                "MELI_HOME": str(options.work),
                "MELI_DEVICE": "cpu",
                "MELI_THREADS": "1",
                "MLFLOW_TRACKING_URI": server.uri,
            }
        )
        few = look(settings, server, 1)
        add_versions(server.uri, settings.registered_model, number)
        many = look(settings, server, 2)
    pages = number // VERSIONS_A_PAGE + 1
    return [
        Figure(
            f"{after.name} with {number:,} versions",
            after.value,
            "requests",
            baseline=before.value,
            target=at_most(before.value + (pages if after.name == "prune" else 0)),
            note=f"{after.note}; {before.note} with a single one",
        )
        for before, after in zip(few, many, strict=True)
    ]
