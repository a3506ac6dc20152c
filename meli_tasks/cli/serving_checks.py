"""The check of `meli doctor` that the service at MELI_SERVING_URL answers, and with the champion of the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from meli_tasks.cli.check_result import CheckResult
from meli_tasks.http import BadStatus, Client, NoAnswer
from meli_tasks.redaction import without_secrets

if TYPE_CHECKING:
    from meli_tasks.settings import Settings

ANSWER_SECONDS = 5.0
FOLLOWS_THE_CHAMPION = "champion"
NO_ANSWER = (
    "Start it with `meli serve`, or correct MELI_SERVING_URL. Until then, `meli predict` loads the model itself."
)
NO_KEY = "Set MELI_SERVING_KEY to one of the keys in the service's MELI_SERVING_KEYS."
ANOTHER_PROGRAM = "Is it another program? Correct MELI_SERVING_URL."
READ_ITS_LOG = "Read the service's log; if its MELI_STORE is another store, correct that."


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Model(_Told):
    set: str
    key: str
    sha256: str = ""


class _Version(_Told):
    """What the service answers to GET /version."""

    version: str
    model: _Model | None
    follows: str
    problem: str = ""
    warning: str = ""


def service(settings: Settings) -> Iterator[CheckResult]:
    """Which model the service answers with."""
    url = settings.serving_url.rstrip("/")
    if not url:
        yield CheckResult("service", "skipped", "MELI_SERVING_URL is not set, so `meli predict` loads the model itself")
        return
    place = without_secrets(url)
    try:
        with Client(ANSWER_SECONDS, ANSWER_SECONDS, token=settings.serving_key) as client:
            found = _Version.model_validate(client.json(f"{url}/version"))
    except (NoAnswer, BadStatus) as error:
        advice = NO_KEY if isinstance(error, BadStatus) and error.status == 401 else NO_ANSWER
        yield CheckResult("service", "failed", str(error), advice)
        return
    except ValidationError:
        yield CheckResult("service", "failed", f"{place} does not answer as `meli serve` does", ANOTHER_PROGRAM)
        return
    yield _judged(settings, place, found)


def _judged(settings: Settings, place: str, found: _Version) -> CheckResult:
    if found.model is None:
        return CheckResult("service", "failed", f"{place} has no model to answer with: {found.problem}", READ_ITS_LOG)
    name = _named(found.model.set, found.model.key, found.model.sha256)
    observed = f"{place}, version {found.version}, answers with {name}"
    if found.follows != FOLLOWS_THE_CHAMPION:
        observed += f", as its MELI_SERVING_MODEL={found.follows} requests"
    elif other := _other_champion(settings, found.model):
        return CheckResult("service", "failed", f"{observed}, but the champion is {other}", READ_ITS_LOG)
    if found.problem:
        return CheckResult("service", "failed", f"{observed}, because {found.problem}", READ_ITS_LOG)
    return CheckResult("service", "ok", observed + (f"; {found.warning}" if found.warning else ""))


def _other_champion(settings: Settings, model: _Model) -> str:
    """The champion of the ledger, if it is another model than the one that answers."""
    from meli_tasks.ledger import Ledger

    if not settings.store:
        return ""  # the check of the store reports it
    last = Ledger(settings.open_store()).last()
    if last is None or last.champion is None:
        return "none"
    champion = last.champion
    if champion.train == model.key and champion.sha256 in {"", model.sha256}:  # 0.1.0 did not store the digest
        return ""
    return _named(champion.set_name, champion.train, champion.sha256)


def _named(set_name: str, key: str, sha256: str) -> str:
    return f"{set_name or 'a model'} ({key[:8]}, sha256 {sha256[:12]})"
