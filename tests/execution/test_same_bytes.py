"""Every stage gives the same bytes in another process, at another time, with other hash seeds and in another time zone.

A small run is made, all of its artifacts' files are deleted, and another process repairs the store. Afterwards every
object that an artifact consists of, manifests included, is what it was before.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.artifacts.reading import parsed
from meli_tasks.stages import STAGES
from meli_tasks.store import Store
from tests.damage_commands import run_again
from tests.finished_store import settings_of

REPAIR = """
import sys, time
OFFSET, PACE = 40_000_000.0, 7.0  # a year ahead, and clocks that run seven times as fast
for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
    def shifted(real=getattr(time, name)):
        return real() * PACE + OFFSET
    setattr(time, name, shifted)
from pathlib import Path
from meli_tasks.execution.runner import Runner
from meli_tasks.integrity import Repair, Verification
from tests.finished_store import settings_of
runner = Runner(settings_of(Path(sys.argv[1])))
found = Verification(runner.store, runner.cache).run().findings
for each in Repair(runner).run(found):
    assert each.done and not each.advice, each
"""


@pytest.fixture
def one_thread() -> Iterator[None]:
    """How numbers are added depends on the threads, which a repair sets as they were."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def artifacts(store: Store) -> dict[str, bytes]:
    found = {}
    for name in store.names(""):
        if name.partition("/")[0] in STAGES:
            blob = store.read(name)
            assert blob is not None
            found[name] = blob.data
    return found


@pytest.mark.usefixtures("one_thread")
def test_a_repair_in_another_process_restores_every_byte(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    store = settings.open_store()
    run_again(settings)
    before = artifacts(store)
    manifests = {
        name: parsed(store, name, data, Manifest.from_bytes) for name, data in before.items() if paths.is_manifest(name)
    }
    assert {manifest.stage for manifest in manifests.values()} == set(STAGES)
    timed = [manifest.stage for manifest in manifests.values() if manifest.timings.model_fields_set]
    assert set(timed) == {"train", "evaluate"}
    for name in before.keys() - manifests.keys():
        store.delete(name)
    environment = {**os.environ, "PYTHONHASHSEED": "4242", "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "COLUMNS": "40"}
    done = subprocess.run(
        [sys.executable, "-c", REPAIR, str(tmp_path)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    after = artifacts(store)
    assert after.keys() == before.keys()
    assert [name for name in before if after[name] != before[name]] == []
