"""`meli predict "title"` sends titles to the service at MELI_SERVING_URL, or loads the model itself if that fails."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from meli_tasks.prediction.asking import AnsweringModel, NoPrediction, ask
from tests.cli.program import document, environment, here
from tests.prediction.test_files import ByLength
from tests.servers import NOWHERE

ANSWER = {
    "model": {"set": "cnn", "key": "0123456789abcdef", "sha256": "aa", "decision": "2026-11-01T03:00:00Z"},
    "predictions": [
        {
            "category": "CHAIRS", "probability": 0.9, "categories": ["CHAIRS", "TABLES"],
            "probabilities": [0.9, 0.1], "known": True, "abstained": False,
        },
        {
            "category": "", "probability": None, "categories": [],
            "probabilities": [], "known": False, "abstained": False,
        },
    ],
}  # fmt: skip


class Service:
    """Gives one answer to every request, and notes what it was asked."""

    def __init__(self) -> None:
        service = self
        self.status, self.body = 200, json.dumps(ANSWER).encode()
        self.asked: list[tuple[str, Any]] = []
        self.keys: list[str | None] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.asked.append((self.path, sent))
                service.keys.append(self.headers.get("Authorization"))
                self.send_response(service.status)
                self.send_header("Content-Length", str(len(service.body)))
                self.end_headers()
                self.wfile.write(service.body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    made = Service()
    thread = Thread(target=made.server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setenv("MELI_SERVING_URL", made.url)
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meli_tasks.cli.predict._classifier", lambda key, set_name, **_: ("a local model", ByLength()))


@pytest.mark.usefixtures("local")
def test_the_service_is_asked_instead_of_loading_a_model(service: Service) -> None:
    found = document("predict", " Silla  roja", "qwertz", "--top", "2")
    assert service.asked == [("/predict", {"titles": ["Silla roja", "qwertz"], "top": 2})]
    assert found == {
        "model": "champion cnn",
        "titles": [
            {
                "title": " Silla  roja",
                "known": True,
                "categories": [
                    {"category": "CHAIRS", "probability": 0.9}, {"category": "TABLES", "probability": 0.1}
                ],
            },
            {"title": "qwertz", "known": False, "categories": []},
        ],
    }  # fmt: skip
    shown = here("predict", "Silla", "qwertz").output
    assert "CHAIRS" in shown
    assert "No known word" in shown
    assert "by champion cnn" in shown


def test_asking_the_service_imports_no_torch(service: Service) -> None:
    code = (
        "import sys; from meli_tasks.cli import app\n"
        "app(['predict', 'Silla', 'Mesa', '--json'], standalone_mode=False)\n"
        "print(sorted({'torch', 'pandas', 'pyarrow', 'mlflow', 'boto3'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["model"] == "champion cnn"
    assert done.stderr.strip() == "[]"


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize("named", [["--set", "mlp"], ["--model", "0123456789"]])
def test_a_model_that_was_asked_for_is_loaded_here(service: Service, named: list[str]) -> None:
    assert document("predict", "Silla", *named)["model"] == "a local model"
    assert service.asked == []


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (503, b'{"detail": "no champion yet"}', 'answered 503 Service Unavailable: {"detail": "no champion yet"}'),
        (401, b"", "requires an API key: set MELI_SERVING_KEY to one of them"),
        (302, b"", "answered 302 Found"),
        (200, b"<html>hello</html>", "answered something that is no prediction; is it another program?"),
        (200, b'{"predictions": []}', "answered something that is no prediction"),
        (200, json.dumps(ANSWER).encode(), "answered 2 predictions to 1 titles"),
    ],
)
def test_an_answer_of_no_use_is_named_and_the_model_is_loaded_here(
    service: Service, status: int, body: bytes, says: str
) -> None:
    service.status, service.body = status, body
    result = here("predict", "Silla", "--json")
    assert json.loads(result.stdout)["model"] == "a local model"
    note = " ".join(result.stderr.split())
    reason = "the model is loaded here instead, because the service at MELI_SERVING_URL cannot be used"
    assert note.startswith(f"note: {reason}")
    assert f"{service.url}/predict {says}" in note


@pytest.mark.usefixtures("local")
def test_a_service_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MELI_SERVING_URL", NOWHERE)
    result = here("predict", "Silla", "--json")
    assert json.loads(result.stdout)["model"] == "a local model"
    assert f"{NOWHERE}/predict does not answer: " in " ".join(result.stderr.split())
    with pytest.raises(NoPrediction, match="does not answer"):
        ask(NOWHERE, ["Silla"], 5)


@pytest.mark.parametrize(("key", "sent"), [("", None), ("a-key-of-sixteen-letters", "Bearer a-key-of-sixteen-letters")])
def test_the_key_is_sent_and_abstentions_are_kept(
    service: Service, monkeypatch: pytest.MonkeyPatch, key: str, sent: str | None
) -> None:
    monkeypatch.setenv("MELI_SERVING_KEY", key)
    assert document("predict", "Silla", "Mesa")["model"] == "champion cnn"
    assert service.keys == [sent]
    abstained = {**ANSWER["predictions"][0], "abstained": True}  # type: ignore[dict-item]
    service.body = json.dumps({**ANSWER, "predictions": [abstained]}).encode()
    assert [found.abstained for found in ask(service.url, ["Silla"], 1, key).predictions] == [True]


def test_a_pinned_model_is_named_by_its_key() -> None:
    assert AnsweringModel(set="mlp", key="0123456789abcdef").name == "mlp 01234567"
    assert AnsweringModel(set="mlp", key="0123456789abcdef", decision=0).name == "champion mlp"
