"""What is imported in advance survives a fork, is all that a run needs, and changes no result."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from meli_tasks import preload
from meli_tasks.settings import Settings
from tests import waiting

ROOT = Path(__file__).parents[1]
RUN = """
import json, os, sys
from pathlib import Path
from tests.finished_store import settings_of

root, in_advance = Path(sys.argv[1]), sys.argv[2] == "in advance"
settings = settings_of(root)
events = []
watched = ("socket.connect", "socket.listen", "_thread.start_new_thread", "os.fork")
sys.addaudithook(lambda event, detail: events.append(event) if event in watched else None)
if in_advance:
    from meli_tasks.preload import import_for_tasks
    import_for_tasks(settings)
loaded, seen = set(sys.modules), list(events)
tasks = Path("/proc/self/task")
threads = [(task / "comm").read_text().strip() for task in tasks.iterdir() if int(task.name) != os.getpid()]
child = os.fork()
if child == 0:
    from tests.hardships.runs import run
    found = run(settings)["files"]
    new = set(sys.modules) - loaded
    (root / "found.json").write_text(json.dumps({"files": found, "new": sorted(new)}))
    os._exit(0)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
found = json.loads((root / "found.json").read_text())
print(json.dumps({**found, "code": code, "threads": threads, "seen": seen, "loaded": sorted(loaded)}))
"""
RESTARTED = {"jemalloc_bg_thd"}
"""The thread of pyarrow's allocator, which starts it again in a child."""


def ran(folder: Path, how: str) -> Any:
    folder.mkdir()
    # One thread, so that OpenBLAS, which starts its threads again in a child, has none to hide another library's.
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", "MELI_THREADS": "1"}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = waiting.run([sys.executable, "-c", RUN, str(folder), how], env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def in_advance(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return ran(tmp_path_factory.mktemp("preload") / "run", "in advance")


def test_nothing_is_started_or_connected_before_the_fork(in_advance: Any) -> None:
    assert in_advance["seen"] == []
    if Path("/proc/self/task").exists():
        assert set(in_advance["threads"]) <= RESTARTED
    assert {"torch", "gensim", "sklearn", "matplotlib"} <= set(in_advance["loaded"])
    assert not {"polars", "mlflow", "optuna"} & set(in_advance["loaded"])


def test_a_run_imports_nothing_else(in_advance: Any) -> None:
    # Generated titles are for demos and tests.
    ours = [name for name in in_advance["new"] if name.startswith("meli_tasks.") and "sample" not in name]
    packages = {name.partition(".")[0] for name in in_advance["new"]}
    assert in_advance["code"] == 0
    assert not packages & {"torch", "gensim", "sklearn", "scipy", "pandas", "pyarrow", "matplotlib", "numpy"}, packages
    assert set(ours) <= {"meli_tasks.local_run", "meli_tasks.run_outcome"}, "what each task would import by itself"


def test_a_run_in_a_fork_makes_the_same_files(in_advance: Any, tmp_path: Path) -> None:
    assert in_advance["files"] == ran(tmp_path / "run", "later")["files"]


def test_what_cannot_be_imported_is_logged_and_the_rest_imported(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    (tmp_path / "meli_broken.py").write_text("raise RuntimeError('no such library')", encoding="utf-8")
    whole = "import os\nlimits = os.environ['OMP_NUM_THREADS'], os.environ['CUDA_VISIBLE_DEVICES']"
    (tmp_path / "meli_whole.py").write_text(whole, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment["CUDA_VISIBLE_DEVICES"] = "1"
    monkeypatch.setattr(os, "environ", dict(environment))
    monkeypatch.setattr(preload, "HEAVY", ("meli_broken", "meli_whole"))
    with caplog.at_level(logging.INFO, "meli_tasks"):
        preload.import_for_tasks(Settings().model_copy(update={"threads": 3, "device": "cpu"}))
    assert sys.modules["meli_whole"].limits == ("3", "")
    assert os.environ == environment, "tasks of other DAGs are forked from here too"
    warning, summary = caplog.messages
    assert warning.startswith("meli_broken could not be imported in advance")
    assert warning.endswith("RuntimeError: no such library")
    assert "2 modules" in summary
