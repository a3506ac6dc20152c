"""The service follows the ledger: no request fails, each answer is one version's, a damaged model changes nothing."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests import waiting
from tests.past_run import WORDS
from tests.serving.conftest import NAMES
from tests.serving.running import Models, Service, serving

SWAPS = 20
CLIENTS = 3


def ready_model(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = service.get("/version").json["model"]
    return found


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
        self.answers: list[tuple[str, float, set[float]]] = []

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


def test_no_request_fails_while_the_champion_changes_twenty_times(models: Models, tmp_path: Path) -> None:
    models.promote(NAMES[0])
    with serving(models.store, tmp_path) as service:
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
        assert service.metric("meli_serving_swaps_total") == SWAPS
    expected = {name: pytest.approx(models.probability(name), abs=1e-5) for name in NAMES}
    decided = {
        decision.number: decision.champion.set_name for decision in models.ledger.decisions() if decision.champion
    }
    for client in clients:
        assert len({name for name, _, _ in client.answers}) == len(NAMES)
        for name, decision, probabilities in client.answers:
            assert decided[int(decision)] == name
            assert [*probabilities] == [expected[name]]


def test_a_damaged_model_keeps_the_old_one_serving_and_says_so(models: Models, tmp_path: Path) -> None:
    models.promote("mlp")
    models.damage("mlp_two")
    with serving(models.store, tmp_path) as service:
        models.promote("mlp_two")
        version = waiting.until(
            lambda: (found := service.get("/version").json)["warning"] and found, service.get_cpu, poll_seconds=0.02
        )
        assert version["model"]["set"] == "mlp"
        assert "mlp_two" in version["warning"] and "differs from its manifest" in version["warning"]
        ready = service.get("/health/ready")
        assert ready.status == 200 and ready.json["warning"] == version["warning"]
        assert service.metric("meli_serving_swap_failures_total") >= 1
        assert service.metric("meli_serving_swaps_total") == 0
        [prediction] = service.predict("celular")["predictions"]
        assert prediction["probability"] == pytest.approx(models.probability("mlp"), abs=1e-5)
        assert "differs from its manifest" in service.logged()

        models.promote("mlp_three")  # a later model that is whole ends the warning
        wait_for(service, "mlp_three")
        assert not service.get("/version").json["warning"]
        assert not service.get("/health/ready").json["warning"]


def test_a_damaged_model_is_reported_a_single_time_in_the_log(models: Models, tmp_path: Path) -> None:
    models.promote("mlp")
    models.damage("mlp_two")
    with serving(models.store, tmp_path) as service:
        models.promote("mlp_two")
        waiting.until(
            lambda: service.metric("meli_serving_swap_failures_total") >= 3, service.get_cpu, poll_seconds=0.02
        )
        assert service.logged().count("differs from its manifest") == 1


def test_a_missing_model_keeps_the_old_one_serving(models: Models, tmp_path: Path) -> None:
    models.promote("mlp")
    with serving(models.store, tmp_path) as service:
        for name in [*models.store.names(f"train/{models.key('mlp_two')}")]:
            models.store.delete(name)
        models.promote("mlp_two")
        waiting.until(lambda: service.get("/version").json["warning"], service.get_cpu, poll_seconds=0.02)
        assert service.predict("celular")["model"]["set"] == "mlp"


def test_without_a_champion_it_is_live_and_becomes_ready_with_one(models: Models, tmp_path: Path) -> None:
    with serving(models.store, tmp_path, ready=False) as service:
        ready, predicted = service.get("/health/ready"), service.post({"titles": ["celular"]})
        assert (ready.status, predicted.status) == (503, 503)
        assert "There is no champion in" in ready.body.decode()
        assert "There is no champion in" in predicted.detail
        models.promote("mlp")
        waiting.until(lambda: service.get("/health/ready").status == 200, service.get_cpu, poll_seconds=0.02)
        assert service.predict("celular")["model"]["decision"] == 1


def test_a_pinned_model_does_not_follow_the_ledger(models: Models, tmp_path: Path) -> None:
    models.promote("mlp")
    with serving(models.store, tmp_path, model=models.key("mlp_two"), shadow="mlp_three") as service:
        models.promote("mlp_three")
        answers = [service.predict("perfume")["model"] for _ in range(20)]
        assert {answer["set"] for answer in answers} == {"mlp_two"}
        assert {answer["decision"] for answer in answers} == {None}
        assert answers[0]["key"] == models.key("mlp_two")
        assert answers[0]["sha256"] == models.sha256("mlp_two")


def test_the_agreement_of_a_challenger_in_shadow_is_recorded(models: Models, tmp_path: Path) -> None:
    models.promote("mlp")
    with serving(models.store, tmp_path, shadow="mlp_three") as service:
        for _ in range(5):
            found = service.predict("celular", "perfume", "qwertz")
            assert found["model"]["set"] == "mlp"
        shadow = waiting.until(
            lambda: (found := service.get("/version").json["shadow"])["titles"] == 15 and found,
            service.get_cpu,
            poll_seconds=0.02,
        )
        assert (shadow["set"], shadow["key"]) == ("mlp_three", models.key("mlp_three"))
        assert shadow["agreement"] == 1.0
