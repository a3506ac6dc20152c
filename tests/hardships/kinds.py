"""The kinds of hardship. Each is seeded; a run that met one must be green when it is run again, with the same bytes."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from meli_tasks.ledger import Ledger
from meli_tasks.tracking.outbox import Tracking
from tests.fault_proxy import SEVEN, Fault, Plan, in_front_of
from tests.hardships.forked import REFUSED, Child, Ended
from tests.hardships.runs import Place, Tally, left_behind
from tests.servers import NOWHERE

Echo = Callable[[str], None]
MEGABYTE = 1 << 20
QUEUED, ACTIVE = 50, 4
"""Runs that are queued at once, and how many of them the DAG lets run: its `max_active_runs`."""


def kills(tally: Tally, folder: Path, times: int, seed: int, echo: Echo, values: Mapping[str, str]) -> None:
    """SIGKILL at a random moment, a third of the runs a second time; then a run to the end."""
    killed = late = 0
    for number in range(times):
        chance = Random(f"kill-{seed}-{number}")
        with _place(folder, values, number) as place:
            for _ in range(chance.choice((1, 1, 2))):
                if place.start().kill_after(chance.uniform(0.0, tally.cpu_seconds)):
                    killed += 1
                else:
                    late += 1
            ended = place.start().wait()
            if not tally.count(number, ended):
                echo(tally.wrong[-1])
            tally.left += bool(left := left_behind(place.settings.open_store(), place.root))
            if left:
                echo(f"{number}: left behind: {len(left)}, such as {left[0]}")
    echo(f"{killed} kills, {late} runs ended before theirs")


def memory(tally: Tally, folder: Path, times: int, seed: int, echo: Echo, values: Mapping[str, str]) -> None:
    """A limit on the address space, somewhere between what a run has at its start and what it needs."""
    for number in range(times):
        more = Random(f"memory-{seed}-{number}").uniform(4, 400) * MEGABYTE
        with _place(folder, values, number) as place:
            first = place.start(lambda more=more: _limit(resource.RLIMIT_AS, _address_space() + int(more))).wait()  # type: ignore[misc]
            echo(f"{number}: {more / MEGABYTE:.0f} MiB more: {_outcome(first)}")
            _count(tally, number, first, place, echo)


def file_sizes(tally: Tally, folder: Path, times: int, seed: int, echo: Echo, values: Mapping[str, str]) -> None:
    """A limit on the size of files: a write beyond it fails, in the middle of the file, as on a full disk."""
    for number in range(times):
        most = int(10 ** Random(f"size-{seed}-{number}").uniform(2.5, 6.3))
        with _place(folder, values, number) as place:
            first = place.start(lambda most=most: _limit(resource.RLIMIT_FSIZE, most)).wait()  # type: ignore[misc]
            echo(f"{number}: files of at most {most:,} bytes: {_outcome(first)}")
            _count(tally, number, first, place, echo)


def disk(tally: Tally, folder: Path, times: int, seed: int, echo: Echo, values: Mapping[str, str]) -> None:
    """A file system in memory that is too small; it gets larger before the run is run again."""
    if os.geteuid():
        echo("only root may mount a file system, so no disk was full")
        return
    for number in range(times):
        megabytes = Random(f"disk-{seed}-{number}").uniform(0.3, 14)
        with TemporaryDirectory(dir=folder) as name, _small_disk(Path(name), megabytes) as grow:
            place = Place(Path(name, "run"), values)
            place.root.mkdir()
            first = place.start().wait()
            echo(f"{number}: a disk of {megabytes:.1f} MiB: {_outcome(first)}")
            grow()
            _count(tally, number, first, place, echo)


def races(tally: Tally, folder: Path, times: int, seed: int, echo: Echo, values: Mapping[str, str]) -> None:
    """Eight runs at once with one store and one cache: all are green, and each artifact is there a single time."""
    for number in range(times):
        with _place(folder, values, number) as place:
            for child in [place.start() for _ in range(8)]:
                if not tally.count(number, child.wait()):
                    echo(tally.wrong[-1])
            left = left_behind(place.settings.open_store(), place.root)
            if left:
                tally.left += 1
                echo(f"{number}: left behind: {left[:3]}")


def queued(tally: Tally, folder: Path, times: int, seed: int, echo: Echo, values: Mapping[str, str]) -> None:
    """Fifty runs of the same titles and sets, four at a time, as Airflow starts queued ones: each decides once."""
    for number in range(times):
        with _place(folder, values, number) as place:
            active: list[Child] = []
            for _ in range(QUEUED):
                if len(active) == ACTIVE and not tally.count(number, active.pop(0).wait()):
                    echo(tally.wrong[-1])
                active.append(place.start())
            for child in active:
                if not tally.count(number, child.wait()):
                    echo(tally.wrong[-1])
            decisions = Ledger(place.settings.open_store()).decisions()
            if [each.number for each in decisions] != list(range(1, QUEUED + 1)):
                tally.wrong.append(f"{number}: the decisions are {[each.number for each in decisions]}")
                echo(tally.wrong[-1])
            actions = Counter(each.action for each in decisions)
            runs = len({each.by for each in decisions})
            echo(f"{number}: {len(decisions)} decisions of {runs} runs: {dict(actions)}")
            left = left_behind(place.settings.open_store(), place.root)
            if left:
                tally.left += 1
                echo(f"{number}: left behind: {left[:3]}")


def clocks(tally: Tally, folder: Path, times: int, seed: int, echo: Echo, values: Mapping[str, str]) -> None:
    """libfaketime: a year ahead, then a year behind on the same store, then seven times as fast."""
    library = next(Path("/usr/lib").rglob("libfaketime.so.1"), None)
    if library is None:
        echo("libfaketime is not installed (Debian: faketime), so no clock was changed")
        return
    for number in range(times):
        with _place(folder, values, number) as place:
            for fake in ("+400d", "-400d", "+0 x7"):
                environment = {**os.environ, "LD_PRELOAD": str(library), "FAKETIME": fake, "OMP_NUM_THREADS": "1"}
                command = [sys.executable, "-c", ALONE, str(place.root)]
                done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
                found = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None
                right = tally.count(number, Ended(done.returncode, found, done.stderr[-500:]))
                echo(f"{number}: {fake}: {'right' if right else tally.wrong[-1]}")
            if not tally.count(number, place.start().wait()):
                echo(tally.wrong[-1])


def faults(tally: Tally, folder: Path, times: int, seed: int, echo: Echo, values: Mapping[str, str]) -> None:
    """A twentieth, then a fifth of all requests to S3 fail in seven ways, flipped bits in listings included."""
    for rate in (0.05, 0.2):
        for number in range(times):
            plan = Plan(rate, SEVEN, number + seed, flip_listings=True)
            with _place(folder, values, number) as place, _proxy(values["MELI_S3_ENDPOINT"], plan) as url:
                if not tally.count(number, place.start(more={"MELI_S3_ENDPOINT": url}).wait()):
                    echo(f"{rate:.0%}: {tally.wrong[-1]}")
        echo(f"{rate:.0%} of all requests failing: {tally.right} right so far, {len(tally.wrong)} wrong")


def mlflow_kills(tally: Tally, folder: Path, times: int, seed: int, echo: Echo, values: Mapping[str, str]) -> None:
    """SIGKILL at a random moment of a run that writes to MLflow: after the next run, no MLflow run is RUNNING."""
    for number in range(times):
        with _place(folder, values, number) as place:
            killed = place.start().kill_after(Random(f"mlflow-{seed}-{number}").uniform(0.2, 1.0) * tally.cpu_seconds)
            if not tally.count(number, place.start().wait()):
                echo(tally.wrong[-1])
            projection = Tracking.of(place.settings, place.settings.open_store()).projection()
            running = projection.server.running(projection.experiment)
            tally.left += bool(running)
            echo(f"{number}: {'killed' if killed else 'not killed'}, {len(running)} MLflow runs left running")


def mlflow_slow(tally: Tally, folder: Path, times: int, seed: int, echo: Echo, values: Mapping[str, str]) -> None:
    """MLflow down, and MLflow that answers each request after 3 s: the seconds of a run that promotes."""
    for number in range(times):
        with _place(folder, values, number) as place:
            ended = place.start(more={"MLFLOW_TRACKING_URI": NOWHERE})
            tally.count(number, ended.wait())
            down = time.monotonic() - ended.started
        plan = Plan(1.0, (Fault.DELAY,), seconds=3.0)
        with _place(folder, values, number) as place, _proxy(values["MLFLOW_TRACKING_URI"], plan) as url:
            ended = place.start(more={"MLFLOW_TRACKING_URI": url})
            tally.count(number, ended.wait())
            slow = time.monotonic() - ended.started
            tracking = Tracking.of(place.settings, place.settings.open_store())
            notes, sent, again = len(tracking.pending()), tracking.replay(), tracking.replay()
            pending = len(tracking.pending())
        echo(f"{number}: {down:.1f} s with MLflow down, {slow:.1f} s and {plan.requests} requests with one of 3 s")
        echo(f"{number}: {sent} of {notes} notes sent later")
        if sent != notes or again or pending:
            tally.wrong.append(f"{number}: {again} notes were sent a second time, {pending} are pending")
            echo(tally.wrong[-1])


KINDS = {
    "kills": kills, "memory": memory, "file-sizes": file_sizes, "disk": disk, "races": races, "queued": queued,
    "clocks": clocks, "faults": faults, "mlflow-kills": mlflow_kills, "mlflow-slow": mlflow_slow,
}  # fmt: skip
ALONE = """
import json
import sys
from pathlib import Path
from tests.finished_store import settings_of
from tests.hardships.runs import run
print(json.dumps(run(settings_of(Path(sys.argv[1])))))
"""


@contextmanager
def _place(folder: Path, values: Mapping[str, str], number: int) -> Iterator[Place]:
    """A place with a store of its own."""
    with TemporaryDirectory(dir=folder) as name:
        own = dict(values)
        if "MELI_STORE" in own:
            own["MELI_STORE"] += f"/{Path(name).name}-{number}"
        root = Path(name, "run")
        root.mkdir()
        yield Place(root, own)


def _count(tally: Tally, number: int, first: Ended, place: Place, echo: Echo) -> None:
    """A run under a limit may be refused; whatever came of it, the next one without the limit is right."""
    if first.code == 0 and first.found != tally.expected:
        tally.wrong.append(f"{number}: wrong results under the limit")
        echo(tally.wrong[-1])
        return
    tally.refused += first.code == REFUSED
    # It may have promoted what it could train, and the next run then compares with that champion.
    promoted = first.code != 0 and Ledger(place.settings.open_store()).last() is not None
    if not tally.count(number, place.start().wait(), only_models=promoted):
        echo(tally.wrong[-1])


def _outcome(ended: Ended) -> str:
    if ended.code == 0:
        return "green"
    return f"exit {ended.code}: {ended.error.strip().splitlines()[-1][:200] if ended.error else 'no message'}"


def _limit(kind: int, most: int) -> None:
    resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


@contextmanager
def _small_disk(folder: Path, megabytes: float) -> Iterator[Callable[[], None]]:
    """A tmpfs mounted at a folder, which a call enlarges."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={int(megabytes * MEGABYTE)}", "none", folder], check=True)
    try:
        yield lambda: _run("mount", "-o", "remount,size=1G", str(folder))
    finally:
        _run("umount", "-l", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


@contextmanager
def _proxy(server: str, plan: Plan) -> Iterator[str]:
    """A proxy in front of a server in a child, as its threads must not be there when runs are forked."""
    reading, writing = os.pipe()

    def serve() -> int:
        with in_front_of(server, plan) as url:
            os.write(writing, f"{url}\n".encode())
            os.read(stop, 1)
        return plan.requests

    stop, stopping = os.pipe()
    with TemporaryDirectory() as folder:
        child = Child(serve, Path(folder, "answer"))
        try:
            yield os.read(reading, 200).decode().strip()
        finally:
            os.write(stopping, b"x")
            plan.requests = child.wait().found or 0
            for each in (reading, writing, stop, stopping):
                os.close(each)
