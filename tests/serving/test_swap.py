"""The service follows the ledger: no request fails, each answer is one version's, a damaged model changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from signal import SIGTERM

import pytest

from tests import waiting
from tests.past_run import WORDS
from tests.serving.running import Models, Service, serving

NAMES = ("mlp", "mlp_two", "mlp_three")
BAD = ("damaged", "missing")
SWAPS = 20
CLIENTS = 3


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """A store with models of which two are damaged; the first is the champion."""
    made = Models.make(tmp_path_factory.mktemp("models"), *NAMES, *BAD)
    made.damage("damaged")
    for name in [*made.store.names(f"train/{made.key('missing')}")]:
        made.store.delete(name)
    made.promote("mlp")
    return made


@pytest.fixture(scope="module")
def service(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that follows the ledger of that store."""
    with serving(models.store, tmp_path_factory.mktemp("following")) as running:
        yield running


def wait_for(service: Service, name: str) -> None:
    """Wait until the service answers with the model of a set."""
    waiting.until(
        lambda: (service.get("/version").json.get("model") or {}).get("set") == name,
        service.get_cpu,
        message=lambda: service.logged()[-3000:],
        poll_seconds=0.02,
    )


class Client(threading.Thread):
    """Asks one question after the other until it is stopped, over one connection each, and keeps the answers."""

    def __init__(self, service: Service, titles: int) -> None:
        super().__init__(daemon=True)
        self.service, self.titles = service, titles
        self.stopped = threading.Event()
        self.failures: list[object] = []
        self.answers: list[tuple[str, int, set[float]]] = []

    def run(self) -> None:
        titles = [WORDS[place % len(WORDS)] for place in range(self.titles)]
        while not self.stopped.is_set():
            try:
                answer = self.service.post({"titles": titles, "top": 1})
            except OSError as error:
                self.failures.append(error)
                continue
            if answer.status != 200:
                self.failures.append(answer)
                continue
            found = answer.json
            probabilities = {prediction["probability"] for prediction in found["predictions"]}
            self.answers.append((found["model"]["set"], found["model"]["decision"], probabilities))


def test_no_request_fails_while_the_champion_changes_twenty_times(models: Models, service: Service) -> None:
    models.promote(NAMES[0])
    wait_for(service, NAMES[0])
    before = service.metric("meli_serving_swaps_total")
    clients = [Client(service, titles) for titles in (1, 3, 40)[:CLIENTS]]
    for client in clients:
        client.start()
    try:
        for swap in range(1, SWAPS + 1):
            name = NAMES[swap % len(NAMES)]
            models.promote(name)
            wait_for(service, name)
    finally:
        for client in clients:
            client.stopped.set()
        for client in clients:
            client.join()
    assert [client.failures for client in clients] == [[]] * CLIENTS
    assert service.metric("meli_serving_swaps_total") == before + SWAPS
    expected = {name: pytest.approx(models.probability(name), abs=1e-5) for name in NAMES}
    decisions = models.ledger.decisions()
    decided = {decision.number: decision.champion.set_name for decision in decisions if decision.champion}
    assert {name for client in clients for name, _, _ in client.answers} == {*NAMES}
    for client in clients:
        for name, decision, probabilities in client.answers:
            assert decided[decision] == name
            assert [*probabilities] == [expected[name]]


@pytest.mark.parametrize("name", BAD)
def test_a_model_that_cannot_be_loaded_keeps_the_old_one_serving_and_says_so(
    models: Models, service: Service, name: str
) -> None:
    models.promote("mlp_two")
    wait_for(service, "mlp_two")
    swaps = service.metric("meli_serving_swaps_total")

    models.promote(name)
    version = waiting.until(
        lambda: (found := service.get("/version").json)["problem"] and found, service.get_cpu, poll_seconds=0.02
    )
    assert version["model"]["set"] == "mlp_two"
    assert models.key(name) in version["problem"]
    ready = service.get("/health/ready")
    assert (ready.status, ready.json) == (200, {"ready": True, "problem": True})
    assert service.metric("meli_serving_problem") == 1
    assert service.metric("meli_serving_swaps_total") == swaps
    [prediction] = service.predict("celular")["predictions"]
    assert prediction["probability"] == pytest.approx(models.probability("mlp_two"), abs=1e-5)
    assert f"{version['problem']} champion mlp_two goes on answering" in " ".join(service.logged().split())

    models.promote("mlp_three")  # a later model that is whole ends it
    wait_for(service, "mlp_three")
    waiting.until(lambda: not service.get("/version").json["problem"], service.get_cpu, poll_seconds=0.02)
    assert service.metric("meli_serving_problem") == 0


def test_a_model_that_cannot_be_loaded_is_tried_again_and_logged_a_single_time(
    models: Models, service: Service
) -> None:
    failed = service.metric("meli_serving_failed_loads_total")
    logged = service.logged().count("goes on answering")
    models.promote("damaged")
    waiting.until(
        lambda: service.metric("meli_serving_failed_loads_total") >= failed + 3, service.get_cpu, poll_seconds=0.02
    )
    assert service.logged().count("goes on answering") == logged + 1


def test_without_a_champion_it_is_live_and_becomes_ready_with_one_and_ends_when_asked(tmp_path: Path) -> None:
    models = Models.make(tmp_path, "mlp")
    with serving(models.store, tmp_path / "home", ready=False) as service:
        ready, predicted = service.get("/health/ready"), service.post({"titles": ["celular"]})
        assert (ready.status, predicted.status) == (503, 503)
        assert "There is no champion in" in ready.detail
        assert "There is no champion in" in predicted.detail
        assert predicted.headers["retry-after"]
        models.promote("mlp")
        waiting.until(lambda: service.get("/health/ready").status == 200, service.get_cpu, poll_seconds=0.02)
        assert service.predict("celular")["model"]["decision"] == 1
        assert service.stop() == 128 + SIGTERM  # as a shell reports it: by the signal, after an orderly end


def test_a_named_model_does_not_follow_the_ledger_and_one_in_shadow_is_compared(models: Models, tmp_path: Path) -> None:
    models.promote("mlp")
    with serving(models.store, tmp_path, model="mlp_two", shadow="mlp_three") as service:
        models.promote("mlp_three")
        named = [service.predict("perfume", "celular", "qwertz")["model"] for _ in range(20)]
        expected = {"set": "mlp_two", "key": models.key("mlp_two"), "sha256": models.sha256("mlp_two")}
        assert named == [{**expected, "decision": None}] * 20
        shadow = waiting.until(
            lambda: (found := service.get("/version").json["shadow"])["compared"] == 60 and found,
            service.get_cpu,
            poll_seconds=0.02,
        )
        assert (shadow["set"], shadow["key"]) == ("mlp_three", models.key("mlp_three"))
        assert (shadow["same"], shadow["skipped"]) == (60, 0)
        assert service.metric('meli_serving_shadow_titles_total{result="same"}') == 60
