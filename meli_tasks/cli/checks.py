"""What `meli doctor` looks at. Each check is tried by itself: one that fails keeps no other from being made."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING, Literal

from meli_tasks.cli.web import WebError, get, post, shown
from meli_tasks.core.errors import MeliError
from meli_tasks.wording import count

if TYPE_CHECKING:
    from meli_tasks.settings import Settings

State = Literal["ok", "failed", "skipped"]

# What the stages and services import, by the name under which it is installed.
PACKAGES = (
    "numpy", "pydantic", "torch", "scikit-learn", "pandas", "polars", "pyarrow", "gensim", "safetensors", "boto3",
    "mlflow",
)  # fmt: skip
NEEDED_GIGABYTES = 2.0
TRAININGS = "gpu"
POOLS = {
    TRAININGS: f"airflow pools set {TRAININGS} 1 trainings",
    "backfill": 'airflow pools set backfill 2 "backfilled runs" --include-deferred',
}


@dataclass(frozen=True)
class Line:
    """One thing looked at: what was seen, and what to do about it when it failed."""

    name: str
    state: State
    seen: str
    advice: str = ""


def every_check(settings: Settings) -> Iterator[Line]:
    """The checks, in the order in which one would repair things."""
    checks: tuple[Callable[[Settings], Iterator[Line]], ...] = (
        python, disk, store, sets, source, mlflow, airflow, webhook, email,
    )  # fmt: skip
    for check in checks:
        name = check.__name__
        try:
            yield from check(settings)
        except (MeliError, WebError, OSError) as error:
            yield Line(name, "failed", str(error))
        except Exception as error:  # noqa: BLE001 the doctor goes on to the next check, whatever this one died of
            yield Line(name, "failed", f"unexpected {type(error).__name__}: {error}")


def python(settings: Settings) -> Iterator[Line]:
    """The interpreter and the packages, against what the project asks for where it is installed."""
    told, wrong = [], []
    for package in PACKAGES:
        try:
            told.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            wrong.append(f"{package} is missing")
    wrong += [text for text in _unmet() if text.split()[0] not in " ".join(wrong)]
    seen = f"Python {sys.version.split()[0]}; {', '.join(told)}"
    if wrong:
        yield Line(
            "python", "failed", "; ".join(wrong), "Install the lock: `make setup`, or pip install -r locks/demo.txt."
        )
    else:
        yield Line("python", "ok", seen)


def disk(settings: Settings) -> Iterator[Line]:
    """Room for the cache, and the right to write there."""
    folder = settings.cache.absolute()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free / 1e9
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Line(
            "disk", "failed", f"{existing} may not be written by this user", "Point MELI_CACHE at a folder that may."
        )
    elif free < NEEDED_GIGABYTES:
        yield Line(
            "disk", "failed", f"{free:.1f} GB free at {folder}; a run wants {NEEDED_GIGABYTES:.0f} GB",
            "Free some, or point MELI_CACHE at a larger disk.",
        )  # fmt: skip
    else:
        yield Line("disk", "ok", f"{free:.1f} GB free at {folder}")


def store(settings: Settings) -> Iterator[Line]:
    """Write, read, list, conditional writes, large files, delete: done, not assumed."""
    from meli_tasks.store import probe

    for check in probe(settings.open_store()):
        yield Line(f"store: {check.name}", "ok" if check.ok else "failed", check.seen, "" if check.ok else check.advice)


def sets(settings: Settings) -> Iterator[Line]:
    """The sets that a run takes when it names none."""
    from meli_tasks.sets import catalog as named_sets

    names = [name.strip() for name in settings.sets.split(",") if name.strip()]
    for name in names:
        named_sets.resolve(name, {}, settings)
    yield Line("sets", "ok", f"MELI_SETS={', '.join(names)}")


def source(settings: Settings) -> Iterator[Line]:
    """The titles that a run takes when it names none."""
    from datetime import UTC, datetime

    from meli_tasks import sources

    found = sources.identify(settings.source, datetime.now(UTC).date(), settings)
    yield Line("source", "ok", f"MELI_SOURCE={found.shown}, {count(len(found.parts), 'part')}")


def mlflow(settings: Settings) -> Iterator[Line]:
    """The tracking server: that it lives, and that its API answers."""
    from meli_tasks.tracking.client import sign_in

    url = settings.mlflow_uri.rstrip("/")
    if not url:
        yield Line("mlflow", "skipped", "MLFLOW_TRACKING_URI is not set: nothing is tracked")
        return
    if not url.startswith(("http://", "https://")):
        yield Line(
            "mlflow", "failed", f"{shown(url)} is no server", "Give the address of one, or none for no tracking."
        )
        return
    advice = (
        "Is the server running, and is MLFLOW_TRACKING_URI its address? Trainings go on without it and are told later."
    )
    try:
        get(f"{url}/health")
        found = post(f"{url}/api/2.0/mlflow/experiments/search", {"max_results": 1000}, sign_in=sign_in())
    except WebError as error:
        hint = {
            401: "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD: the server asks for them.",
            403: "Start the server with --allowed-hosts for the name by which you call it.",
        }.get(error.status, advice)
        yield Line("mlflow", "failed", str(error), hint)
        return
    experiments = len(found.get("experiments", [])) if isinstance(found, dict) else 0
    yield Line("mlflow", "ok", f"{shown(url)} answers; {count(experiments, 'experiment')}")


def airflow(settings: Settings) -> Iterator[Line]:
    """Airflow's parts, and the pools without which trainings and backfills would wait for ever."""
    url = settings.airflow_url.rstrip("/")
    if not url:
        yield Line("airflow", "skipped", "MELI_AIRFLOW_URL is not set")
        return
    try:
        yield _airflow_health(get(f"{url}/api/v2/monitor/health"), url)
    except WebError as error:
        yield Line("airflow", "failed", str(error), "Is the api-server running, and is MELI_AIRFLOW_URL its address?")
        return
    if not settings.airflow_user:
        yield Line("airflow: pools", "skipped", "MELI_AIRFLOW_USER and MELI_AIRFLOW_PASSWORD are not set")
        return
    try:
        given = post(f"{url}/auth/token", {"username": settings.airflow_user, "password": settings.airflow_password})
    except WebError as error:
        advice = "Check MELI_AIRFLOW_USER and MELI_AIRFLOW_PASSWORD."
        yield Line("airflow: pools", "failed", str(error), advice)
        return
    for pool, command in POOLS.items():
        yield _pool(settings, url, given["access_token"], pool, command)


def _pool(settings: Settings, url: str, token: str, name: str, command: str) -> Line:
    try:
        pool = get(f"{url}/api/v2/pools/{name}", token=token)
    except WebError as error:
        advice = "May the user read pools?"
        if error.status == 404:
            advice = f"Without the pool what belongs in it waits for ever: {command}"
        return Line(f"airflow: pool {name}", "failed", str(error), advice)
    slots = int(pool["slots"])
    if name != TRAININGS or slots == settings.slots:
        return Line(f"airflow: pool {name}", "ok", f"{count(slots, 'slot')}, {pool.get('occupied_slots', 0)} in use")
    return Line(
        f"airflow: pool {name}", "failed",
        f"{count(slots, 'slot')}, and MELI_SLOTS={settings.slots}: trainings count on that many",
        f"airflow pools set {name} {settings.slots} trainings, or set MELI_SLOTS={slots}.",
    )  # fmt: skip


def webhook(settings: Settings) -> Iterator[Line]:
    """Whether the webhook can be reached; nothing is sent, so whether it is still valid only a notice tells."""
    from meli_tasks.notifications.webhook import reach

    if not settings.webhook:
        yield Line("webhook", "skipped", "MELI_WEBHOOK is not set: no notices go there")
        return
    yield Line("webhook", "ok", f"{reach(settings.webhook)}; MELI_NOTIFY={settings.notify}")


def email(settings: Settings) -> Iterator[Line]:
    """Whether the mail server answers and takes the password; nothing is sent."""
    from meli_tasks.notifications.mail import MailServer, recipients

    if not settings.email:
        yield Line("email", "skipped", "MELI_EMAIL is not set: no notices go out by e-mail")
        return
    addresses, server = len(recipients(settings)), MailServer.of(settings.smtp)
    with server.opened():
        signed_in = f", signed in as {server.user}" if server.user else ""
    yield Line(
        "email",
        "ok",
        f"{server.shown} answers{signed_in}; {count(addresses, 'address')}, MELI_NOTIFY={settings.notify}",
    )


def _airflow_health(parts: dict[str, dict[str, str | None]], url: str) -> Line:
    told = {name: part.get("status") for name, part in parts.items() if isinstance(part, dict)}
    sick = [name for name, status in told.items() if status != "healthy"]
    if sick:
        return Line("airflow", "failed", f"{shown(url)}: not healthy: {', '.join(sick)}", "Start it, or read its log.")
    return Line("airflow", "ok", f"{shown(url)}: {', '.join(name for name, status in told.items() if status)} healthy")


def _unmet() -> Iterator[str]:
    """What the installed project requires and does not find; nothing where it runs from a checkout."""
    try:
        wanted = requires("meli-tasks") or []
        from packaging.requirements import Requirement
    except (PackageNotFoundError, ImportError):
        return
    for text in wanted:
        need = Requirement(text)
        if need.marker and not need.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(need.name)
        except PackageNotFoundError:
            yield f"{need.name} is missing"
            continue
        if not need.specifier.contains(found, prereleases=True):
            yield f"{need.name} is {found}, wanted {need.specifier}"
