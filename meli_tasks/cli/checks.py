"""The checks of `meli doctor`. Each runs on its own, so a failure does not keep the others from running."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING, Any

from meli_tasks.cli.champion_checks import champion, ledger
from meli_tasks.cli.check_result import CheckResult
from meli_tasks.cli.proxy_checks import proxies
from meli_tasks.cli.serving_checks import service
from meli_tasks.cli.tracking_checks import mlflow_rights, registered_model
from meli_tasks.core.errors import MeliError
from meli_tasks.http import BadStatus, Client, NoAnswer
from meli_tasks.redaction import without_secrets
from meli_tasks.wording import count

if TYPE_CHECKING:
    from meli_tasks.settings import Settings

# What the stages and services import, by the names of their distributions.
PACKAGES = (
    "numpy", "pydantic", "torch", "scikit-learn", "pandas", "polars", "pyarrow", "gensim", "safetensors", "boto3",
    "mlflow",
)  # fmt: skip
NEEDED_GIGABYTES = 2.0
ANSWER_SECONDS = 5.0
TRAINING_POOL = "gpu"
POOLS = {
    TRAINING_POOL: f"airflow pools set {TRAINING_POOL} 1 'training runs'",
    "backfill": 'airflow pools set backfill 2 "backfilled runs" --include-deferred',
}


def every_check(settings: Settings) -> Iterator[CheckResult]:
    """Run every check, in the order in which one would fix the problems."""
    checks: tuple[Callable[[Settings], Iterator[CheckResult]], ...] = (
        python, disk, proxies, store, sets, source, mlflow, mlflow_rights, ledger, champion, registered_model,
        service, airflow, webhook, email,
    )  # fmt: skip
    for check in checks:
        name = check.__name__
        try:
            yield from check(settings)
        except (MeliError, OSError) as error:
            yield CheckResult(name, "failed", str(error))
        except Exception as error:  # noqa: BLE001 the next check runs, whatever this one raised
            yield CheckResult(name, "failed", f"unexpected {type(error).__name__}: {error}")


def python(settings: Settings) -> Iterator[CheckResult]:
    """Check the interpreter and the packages against the requirements of the installed project."""
    installed, wrong = [], []
    for package in PACKAGES:
        try:
            installed.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            wrong.append(f"{package} is missing")
    wrong += [text for text in _unmet() if text.split()[0] not in " ".join(wrong)]
    observed = f"Python {sys.version.split()[0]}; {', '.join(installed)}"
    if wrong:
        yield CheckResult(
            "python",
            "failed",
            "; ".join(wrong),
            "Install the locked packages: `make setup`, or pip install -r locks/demo.txt.",
        )
    else:
        yield CheckResult("python", "ok", observed)


def disk(settings: Settings) -> Iterator[CheckResult]:
    """Check that the cache has enough free space and can be written to."""
    folder = settings.cache.absolute()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free / 1e9
    if not os.access(existing, os.W_OK | os.X_OK):
        yield CheckResult(
            "disk",
            "failed",
            f"this user cannot write to {existing}",
            "Set MELI_CACHE to a folder that can be written to.",
        )
    elif free < NEEDED_GIGABYTES:
        yield CheckResult(
            "disk", "failed", f"{free:.1f} GB free at {folder}; a run needs {NEEDED_GIGABYTES:.0f} GB",
            "Free some space, or set MELI_CACHE to a folder on a larger disk.",
        )  # fmt: skip
    else:
        yield CheckResult("disk", "ok", f"{free:.1f} GB free at {folder}")


def store(settings: Settings) -> Iterator[CheckResult]:
    """Write, read, list and delete objects in the store, with conditional writes and large files."""
    from meli_tasks.store import probe

    for check in probe(settings.open_store()):
        yield CheckResult(
            f"store: {check.name}", "ok" if check.ok else "failed", check.observed, "" if check.ok else check.advice
        )


def sets(settings: Settings) -> Iterator[CheckResult]:
    """Check the sets that a run uses by default."""
    from meli_tasks.sets import catalog as named_sets

    names = [name.strip() for name in settings.sets.split(",") if name.strip()]
    for name in names:
        named_sets.resolve(name, {}, settings)
    yield CheckResult("sets", "ok", f"MELI_SETS={', '.join(names)}")


def source(settings: Settings) -> Iterator[CheckResult]:
    """Check the source that a run uses by default."""
    from datetime import UTC, datetime

    from meli_tasks import sources

    found = sources.identify(settings.source, datetime.now(UTC).date(), settings)
    yield CheckResult("source", "ok", f"MELI_SOURCE={found.spec}, {count(len(found.parts), 'part')}")


def mlflow(settings: Settings) -> Iterator[CheckResult]:
    """Check that the tracking server is running and that its API answers."""
    from meli_tasks.tracking.client import http_client, sign_in

    url = settings.mlflow_uri.rstrip("/")
    if not url:
        yield CheckResult("mlflow", "skipped", "MLFLOW_TRACKING_URI is not set, so nothing is tracked")
        return
    advice = (
        "Check that the server is running and that MLFLOW_TRACKING_URI is its address. Training runs continue without "
        "it and are reported to it later."
    )
    sign_in(settings)
    try:
        with http_client(ANSWER_SECONDS, ANSWER_SECONDS) as client:  # as the tasks do: a proxy may guard /health too
            client.json(f"{url}/health")
            found = client.json(f"{url}/api/2.0/mlflow/experiments/search", {"max_results": 1000})
    except (NoAnswer, BadStatus) as error:
        hint = {
            401: "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD: the server requires them.",
            403: "Start the server with --allowed-hosts and the host name in MLFLOW_TRACKING_URI.",
        }.get(_status(error), advice)
        yield CheckResult("mlflow", "failed", str(error), hint)
        return
    experiments = len(found.get("experiments", [])) if isinstance(found, dict) else 0
    yield CheckResult("mlflow", "ok", f"{without_secrets(url)} answers; {count(experiments, 'experiment')}")


def airflow(settings: Settings) -> Iterator[CheckResult]:
    """Check the components of Airflow, and the pools without which its tasks would wait forever."""
    url = settings.airflow_url.rstrip("/")
    if not url:
        yield CheckResult("airflow", "skipped", "MELI_AIRFLOW_URL is not set")
        return
    try:
        yield _airflow_health(_client().json(f"{url}/api/v2/monitor/health"), url)
    except (NoAnswer, BadStatus) as error:
        yield CheckResult(
            "airflow",
            "failed",
            str(error),
            "Check that the API server is running and that MELI_AIRFLOW_URL is its address.",
        )
        return
    if not settings.airflow_user:
        yield CheckResult("airflow: pools", "skipped", "MELI_AIRFLOW_USER and MELI_AIRFLOW_PASSWORD are not set")
        return
    try:
        sign_in = {"username": settings.airflow_user, "password": settings.airflow_password}
        answer = _client().json(f"{url}/auth/token", sign_in)
    except (NoAnswer, BadStatus) as error:
        advice = "Check MELI_AIRFLOW_USER and MELI_AIRFLOW_PASSWORD."
        yield CheckResult("airflow: pools", "failed", str(error), advice)
        return
    for pool, command in POOLS.items():
        yield _pool(settings, url, answer["access_token"], pool, command)


def _client(**options: Any) -> Client:
    return Client(ANSWER_SECONDS, ANSWER_SECONDS, **options)


def _status(error: NoAnswer | BadStatus) -> int:
    return error.status if isinstance(error, BadStatus) else 0


def _pool(settings: Settings, url: str, token: str, name: str, command: str) -> CheckResult:
    try:
        pool = _client(token=token).json(f"{url}/api/v2/pools/{name}")
    except (NoAnswer, BadStatus) as error:
        advice = "Check that this user may read pools."
        if _status(error) == 404:
            advice = f"Without the pool, its tasks wait forever. Create it: {command}"
        return CheckResult(f"airflow: pool {name}", "failed", str(error), advice)
    slots = int(pool["slots"])
    if name != TRAINING_POOL or slots == settings.slots:
        return CheckResult(
            f"airflow: pool {name}", "ok", f"{count(slots, 'slot')}, {pool.get('occupied_slots', 0)} in use"
        )
    return CheckResult(
        f"airflow: pool {name}", "failed",
        f"{count(slots, 'slot')}, but MELI_SLOTS={settings.slots}, and training runs rely on that number",
        f"Run: airflow pools set {name} {settings.slots} 'training runs'. Or set MELI_SLOTS={slots}.",
    )  # fmt: skip


def webhook(settings: Settings) -> Iterator[CheckResult]:
    """Check that the webhook can be reached. Nothing is sent, so this does not show whether it is still valid."""
    from meli_tasks.notifications.webhook import reach

    if not settings.webhook:
        yield CheckResult("webhook", "skipped", "MELI_WEBHOOK is not set, so no notifications are posted")
        return
    yield CheckResult("webhook", "ok", f"{reach(settings.webhook)}; MELI_NOTIFY={settings.notify}")


def email(settings: Settings) -> Iterator[CheckResult]:
    """Check that the mail server answers and accepts the password. Nothing is sent."""
    from meli_tasks.notifications.mail import MailServer, recipients

    if not settings.email:
        yield CheckResult("email", "skipped", "MELI_EMAIL is not set, so no notifications are e-mailed")
        return
    addresses, server = len(recipients(settings)), MailServer.of(settings.smtp)
    with server.opened():
        signed_in = f", signed in as {server.user}" if server.user else ""
    yield CheckResult(
        "email",
        "ok",
        f"{server.address} answers{signed_in}; {count(addresses, 'address')}, MELI_NOTIFY={settings.notify}",
    )


def _airflow_health(parts: dict[str, dict[str, str | None]], url: str) -> CheckResult:
    statuses = {name: part.get("status") for name, part in parts.items() if isinstance(part, dict)}
    unhealthy = [name for name, status in statuses.items() if status != "healthy"]
    if unhealthy:
        return CheckResult(
            "airflow",
            "failed",
            f"{without_secrets(url)}: not healthy: {', '.join(unhealthy)}",
            "Start it, or read its log.",
        )
    return CheckResult(
        "airflow",
        "ok",
        f"{without_secrets(url)}: {', '.join(name for name, status in statuses.items() if status)} healthy",
    )


def _unmet() -> Iterator[str]:
    """Return the requirements of the installed project that are not met; none if it runs from a checkout."""
    try:
        required = requires("meli-tasks") or []
        from packaging.requirements import Requirement
    except (PackageNotFoundError, ImportError):
        return
    for text in required:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield f"{requirement.name} is missing"
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            yield f"{requirement.name} is {found}, but {requirement.specifier} is required"
