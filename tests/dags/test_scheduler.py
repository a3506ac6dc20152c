"""`make demo` whole, once: a real S3 server, MLflow, Airflow's own scheduler; then again, interrupted, and stopped."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from meli_tasks.stack import processes
from meli_tasks.stack.home import Home
from tests import waiting

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.integration, pytest.mark.airflow]


@dataclass(frozen=True)
class Demo:
    """A command of the demo that runs, and what it writes."""

    process: subprocess.Popen[bytes]
    output: IO[bytes]

    def ended(self) -> tuple[int, str]:
        """Its exit code and all that it wrote, once it ends."""
        code = waiting.wait_for_end(self.process, [self.output])
        return code, waiting.read(self.output)


StartDemo = Callable[..., Demo]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    made = Home(tmp_path_factory.mktemp("demo") / "home")
    yield made
    records = [record for path in sorted(made.run.glob("*.json")) if (record := processes.read(made, path.stem))]
    processes.stop(made, records)


@pytest.fixture(scope="module")
def stack(home: Home) -> Iterator[StartDemo]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MELI_")}
    environment = kept | {
        "PYTHONPATH": str(ROOT),
        "MELI_HOME": str(home.root),
        "MELI_SOURCE": "sample:rows=4000,seed=1",
        "MELI_SETS": "quick_mlp,quick_cnn",
    }

    numbers = itertools.count()

    def run(command: str, **more: str) -> Demo:
        output = (home.root.parent / f"output-{next(numbers)}").open("w+b")
        program = [sys.executable, "-m", "meli_tasks.stack", command]
        process = subprocess.Popen(program, env=environment | more, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        started.append(Demo(process, output))
        return started[-1]

    started: list[Demo] = []
    yield run
    for demo in started:
        demo.output.close()


def of_the_stack(home: Home) -> set[int]:
    records = [record for path in home.run.glob("*.json") if (record := processes.read(home, path.stem))]
    return processes.members({record.pid for record in records})


def test_an_interrupted_demo_leaves_nothing_running(stack: StartDemo, home: Home) -> None:
    demo = stack("demo")
    waiting.until(
        (home.run / "mlflow.json").exists,
        lambda: (demo.process.poll(), round(waiting.cpu_seconds(demo.process.pid))),
        poll_seconds=0.05,
    )
    sessions = {record.pid for record in processes.running(home)}
    assert processes.members(sessions)
    demo.process.send_signal(signal.SIGINT)
    code, output = demo.ended()
    assert code == 130, output
    assert "Interrupted" in output
    assert processes.members(sessions) == set()
    assert processes.running(home) == []


def test_the_demo_ends_with_a_champion_and_leaves_the_stack_up(stack: StartDemo, home: Home) -> None:
    code, output = stack("demo").ended()
    assert code == 0, output
    assert re.search(r"train quick_mlp: done in", output), output
    assert re.search(r"quick_cnn +[01]\.\d{4}", output), output
    assert re.search(r"Champion: (ensemble|quick_mlp|quick_cnn), balanced accuracy [01]\.\d{4}", output), output
    assert "make stop" in output
    running = {record.name for record in processes.running(home)}
    assert running >= {"s3", "mlflow", "airflow-scheduler", "airflow-triggerer", "serving"}
    scheduler = (home.logs / "airflow-scheduler.log").read_text(encoding="utf-8")
    assert re.search(r"Imported \d+ modules for the tasks that are forked from here", scheduler)
    assert "could not be imported in advance" not in scheduler


def test_a_second_demo_reuses_the_stack_and_computes_nothing(stack: StartDemo, home: Home) -> None:
    before = {record.pid for record in processes.running(home)}
    code, output = stack("demo").ended()
    assert code == 0, output
    assert {record.pid for record in processes.running(home)} == before
    for done in ("ingest", "train quick_mlp", "train quick_cnn", "evaluate"):
        assert re.search(rf"{done}: done in .*\(already there\)", output), output


def test_a_failing_run_shows_its_message_first_and_where_the_log_is(
    stack: StartDemo, home: Home, tmp_path: Path
) -> None:
    (tmp_path / "titles.csv").write_text("name,kind\nFunda,CASES\n", encoding="utf-8")
    code, output = stack("demo", MELI_SOURCE=str(tmp_path / "titles.csv")).ended()
    assert code == 1, output
    failure = output[output.index("ingest failed: ") :]
    assert "titles.csv" in failure.splitlines()[0]
    assert "Traceback" not in output
    log = re.search(r"Its log: (\S+)", failure)
    assert log
    assert [json.loads(line) for line in Path(log[1]).read_text(encoding="utf-8").splitlines() if line.startswith("{")]


def test_stop_ends_every_process(stack: StartDemo, home: Home) -> None:
    sessions = {record.pid for record in processes.running(home)}
    assert processes.members(sessions)
    code, output = stack("stop").ended()
    assert code == 0, output
    assert processes.members(sessions) == set()
    assert not of_the_stack(home)
