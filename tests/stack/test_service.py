"""The demo's `meli serve`: its settings, and the line that says how to ask it."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.settings import Settings
from meli_tasks.stack.home import Home
from meli_tasks.stack.services import Ports, Stack
from meli_tasks.stack.summary import ask_lines
from tests.cli.test_doctor import server
from tests.servers import NOWHERE


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    home = Home(tmp_path)
    home.make()
    return Stack.of(home, Settings.from_environment({}), Ports({"s3": 1}, 2, 3, 8907))


def test_the_service_has_the_stacks_store_and_nothing_of_the_callers_own_service(stack: Stack) -> None:
    service = stack.serving()
    caller = {
        "MELI_SERVING_KEYS": "a-key-of-the-callers-own",
        "MELI_SERVING_MODEL": "cnn",
        "MELI_SERVING_SHADOW": "mlp",
        "MELI_SERVING_PORT": "1",
    }
    found = Settings.from_environment({**caller, **service.environment, "MELI_HOME": "/nowhere"})
    assert (found.serving_keys, found.serving_model, found.serving_shadow) == ("", "", "")
    assert (found.serving_host, found.serving_port, service.port) == ("127.0.0.1", 8907, 8907)
    assert found.store == "s3://meli/store"
    assert stack.settings["MELI_SERVING_URL"] == stack.serving_url == "http://127.0.0.1:8907"


def test_the_line_to_ask_it_is_displayed_once_it_can_answer() -> None:
    with server({"GET /health/ready": (200, {"ready": True})}) as url:
        (line,) = ask_lines(url, has_champion=True)
    assert line == f"""HTTP:     curl -s {url}/predict -d '{{"title": "Funda Silicona Iphone 11"}}'"""


def test_a_service_without_a_model_says_why_and_is_not_waited_for() -> None:
    with server({"GET /health/ready": (503, {"ready": False, "detail": "There is no champion yet."})}) as url:
        (line,) = ask_lines(url, has_champion=False)
    assert line.strip() == f"{url} does not classify titles yet: There is no champion yet."
    (line,) = ask_lines(NOWHERE, has_champion=False)
    assert "does not answer" in line


def test_whatever_answers_at_the_services_port_is_quoted() -> None:
    for body in ("<html>Bad gateway</html>", ["no", "service"]):
        with server({"GET /health/ready": (502, body)}) as url:
            (line,) = ask_lines(url, has_champion=False)
        assert line.strip() == f"{url} does not classify titles yet: 502 Bad Gateway"
