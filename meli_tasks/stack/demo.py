"""The demo: start what does not run, train, show, and leave the stack up. Interrupted, it leaves nothing running."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from meli_tasks import sources
from meli_tasks.backfill.request import POOL_SLOTS
from meli_tasks.core.errors import BadData, MeliError, Unreachable
from meli_tasks.planning.request import Request
from meli_tasks.sets import catalog as named_sets
from meli_tasks.settings import Settings
from meli_tasks.stack import processes
from meli_tasks.stack.home import Home
from meli_tasks.stack.interrupts import Interrupts
from meli_tasks.stack.progress_table import Progress
from meli_tasks.stack.services import Stack
from meli_tasks.stack.start import StackStart, stop_all
from meli_tasks.stack.summary import show_champion, show_failure, show_leaderboard, show_links, show_unused_rows
from meli_tasks.stack.watch import DAG, Task, Watch
from meli_tasks.wording import duration

SECONDS_BETWEEN_LOOKS = 0.7
INTERRUPTED = 130
# Sources that only a task may ask for: it has the keys, and the network.
ELSEWHERE = ("s3", "http", "https")


def demo(console: Console, environment: Mapping[str, str]) -> int:
    """Run the demo.

    Returns:
        0 after a run that succeeded, 1 after one that failed (the stack stays up, for a look), 130 when interrupted.

    Raises:
        Unreachable: the stack could not be brought up, or broke; what was started is stopped again.
    """
    asked = wanted(environment, Path.cwd())
    interrupts = Interrupts()
    interrupts.listen()
    home = Home.here()
    home.make()
    with home.alone():
        start = StackStart(home, lambda line: console.print(line, markup=False, highlight=False), interrupts)
        run: list[tuple[Stack, str]] = []
        try:
            stack = start.run(asked)
            return train(console, stack, asked, interrupts, run)
        except KeyboardInterrupt:
            with interrupts.ignored():
                console.print("\nInterrupted: ending what this demo started. `make demo` can be run again.")
                undo(start, run)
            return INTERRUPTED
        except BaseException:
            with interrupts.ignored():
                undo(start, run)
            raise


def wanted(environment: Mapping[str, str], here: Path) -> Settings:
    """What the caller asks for, checked before anything is started.

    A relative path becomes absolute. The nightly schedule is off unless MELI_SCHEDULE asks for it, because Airflow
    would run the last night that was missed beside the demo.

    Raises:
        BadSettings, BadHyperparameters: a setting or a set that does not exist.
        BadData: the source is a file that is not there.
    """
    settings = Settings.from_environment({**environment, "MELI_SCHEDULE": environment.get("MELI_SCHEDULE") or "none"})
    settings = settings.model_copy(update={"source": absolute(settings.source, here)})
    for name in Request.check({}, settings).sets:
        if not settings.store:  # of sets in a store we learn when it is up
            named_sets.load(name)
    if settings.source.split(":")[0] not in ELSEWHERE and not Path(settings.source).is_absolute():
        sources.identify(settings.source, date.today(), settings)  # a sample that cannot be, a scheme nobody knows
    return settings


def absolute(source: str, here: Path) -> str:
    """The source with a relative path made absolute, for Airflow works elsewhere; a glob and `{ds}` stay as they are.

    Raises:
        BadData: no such file.
    """
    if source == "sample" or source.startswith("sample:") or "://" in source:
        return source
    path = str(here / Path(source).expanduser())
    if not any(sign in path for sign in "*?[{") and not Path(path).exists():
        raise BadData(
            f"MELI_SOURCE={source}: there is no file {path}. "
            "It may also be a glob, s3://, https:// or sample:rows=20000."
        )
    return path


def train(console: Console, stack: Stack, asked: Settings, interrupts: Interrupts, run: list[tuple[Stack, str]]) -> int:
    """Trigger a run, show it until it ends, and tell how it ended. `run` takes the run's id as soon as there is one."""
    os.environ.update(stack.settings)
    settings = Settings.from_environment()
    store = settings.open_store()
    wait_for_dag(stack)
    stack.api.keep_pool("gpu", settings.slots, "trainings that run at once")
    stack.api.keep_pool("backfill", POOL_SLOTS, "backfilled runs at once", include_deferred=True)
    stack.api.unpause(DAG)
    conf: dict[str, Any] = {"source": asked.source, "sets": list(Request.check({}, asked).sets)}
    for set_name in conf["sets"]:
        named_sets.resolve(set_name, {}, settings)
    with interrupts.held():
        began = time.monotonic()
        run.append((stack, stack.api.trigger(DAG, conf, "started by make demo")))
    name = run[0][1]
    console.print(f"\nTraining {', '.join(conf['sets'])} on {escape(asked.source)}: run {name}\n", soft_wrap=True)
    watch = Watch(stack.api, store, name, stack.home.airflow / "logs")
    tasks, state = follow(console, stack, watch)
    run.clear()
    seconds = time.monotonic() - began
    if state == "success":
        show_leaderboard(console, watch, store, tasks)
        show_champion(console, store)
        show_unused_rows(console, watch, store)
    else:
        show_failure(console, watch, tasks)
    console.print(f"\nTrigger to done: {duration(seconds)}", highlight=False)
    show_links(console, stack, watch, name)
    return 0 if state == "success" else 1


def follow(console: Console, stack: Stack, watch: Watch) -> tuple[list[Task], str]:
    """Show the run until it ends.

    Raises:
        Unreachable: a server of the stack ended under it.
    """
    services = [service.name for service in (*stack.storage(), *stack.airflow())]
    with Progress(console) as progress:
        while True:
            state = watch.state()
            tasks = watch.tasks()
            progress.show(tasks)
            if state in ("success", "failed"):
                return tasks, state
            alive = {record.name for record in processes.running(stack.home)}
            for name in services:
                if name not in alive:
                    raise Unreachable(f"{name} ended while the run was going on. {processes.log_end(stack.home, name)}")
            time.sleep(SECONDS_BETWEEN_LOOKS)


def wait_for_dag(stack: Stack, seconds: float = 240.0) -> None:
    """Return when Airflow knows the DAG.

    Raises:
        Unreachable: its file cannot be read, or nobody reads it.
    """
    deadline = time.monotonic() + seconds
    while not stack.api.has_dag(DAG):
        if time.monotonic() > deadline:
            raise Unreachable(f"Airflow has not read {DAG}. {processes.log_end(stack.home, 'airflow-dag-processor')}")
        time.sleep(0.2)


def undo(start: StackStart, run: list[tuple[Stack, str]]) -> None:
    """End the run, where the stack was there before this demo, and the processes that this demo started."""
    for stack, name in run:
        if not any(service.name in start.started for service in stack.airflow()):
            stack.api.cancel(DAG, name)
    start.undo()


def stop(console: Console) -> int:
    """End the stack of this home."""
    home = Home.here()
    records = [record for path in sorted(home.run.glob("*.json")) if (record := processes.read(home, path.stem))]
    stopped = stop_all(home, records, lambda line: console.print(line, markup=False, highlight=False))
    console.print("Everything is stopped." if stopped else f"Nothing of {home.root} is running.", highlight=False)
    return 0


def status(console: Console) -> int:
    """Say what runs.

    Returns:
        0 when something does, 3 when nothing does.
    """
    home = Home.here()
    records = processes.running(home)
    for record in records:
        where = f"http://localhost:{record.port}" if record.port else ""
        console.print(f"{record.name:<24} process {record.pid:<8} {where}", markup=False, highlight=False)
    if not records:
        console.print(f"Nothing of {home.root} is running.", highlight=False)
    return 0 if records else 3


def main(arguments: list[str]) -> int:
    """The command line: demo, stop or status."""
    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=140)
    commands = {
        "demo": lambda: demo(console, os.environ),
        "stop": lambda: stop(console),
        "status": lambda: status(console),
    }
    if len(arguments) != 1 or arguments[0] not in commands:
        console.print("usage: python -m meli_tasks.stack demo|stop|status", markup=False)
        return 2
    try:
        return commands[arguments[0]]()
    except MeliError as error:
        console.print(f"[red bold]{arguments[0]} failed:[/] {escape(str(error))}", soft_wrap=True)
        return 1
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        console.print(
            f"[red bold]{arguments[0]} failed:[/] {escape(str(error.strerror or error))}{where}", soft_wrap=True
        )
        return 1
