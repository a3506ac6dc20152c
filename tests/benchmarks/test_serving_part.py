"""The part `serving` on models that nobody trained, and what its load generator counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from benchmarks import bench_serving
from benchmarks.bench_serving import SMALL
from benchmarks.figures import Options
from benchmarks.load_generator import Load, closed_loop, open_loop
from meli_tasks.decision import Champion
from meli_tasks.ledger import Ledger
from meli_tasks.store import open_store
from tests.benchmarks.test_parts import by_name, run_here
from tests.past_run import WORDS, PastRun

TITLES = [f"{word} {number}" for number in range(90) for word in WORDS]


def write_store(work: str, *_: object) -> None:
    """A store with a model of each set, of which the first is the champion."""
    store = open_store((Path(work) / "store").as_uri())
    run = PastRun(store, accuracies=dict.fromkeys(SMALL.sets, 0.9))
    run.with_real_models(Path(work) / "models")
    ref = run.trainings[SMALL.sets[0]].ref
    champion = Champion(
        train=ref.key, set_name=SMALL.sets[0], balanced_accuracy=0.9, interval=(0.89, 0.91), sha256=ref.sha256
    )
    Ledger(store).append(0, action="promote", champion=champion, reason="the first", by="test")


def test_serving_swaps_the_champion_under_load_and_checks_every_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_serving, "run_isolated", run_here)
    monkeypatch.setattr(bench_serving, "train", write_store)
    monkeypatch.setattr(bench_serving, "some_titles", lambda source, most: TITLES)
    for name in ("out", "work"):
        (tmp_path / name).mkdir()
    figures = by_name(bench_serving.run(Options(tmp_path / "out", tmp_path / "work", rows=(20,), small=True)))
    counted = {
        "one title: errors": 0, "batches of 256: errors": 0, "swaps under load": SMALL.swaps,
        "swaps under load: failed": 0, "swaps under load: not of the version they name": 0, "soak: errors": 0,
    }  # fmt: skip
    assert {name: figures[name].value for name in counted} == counted
    assert 0 < figures["one title: p50"].value <= figures["one title: p99"].value
    assert figures["one title: p50"].baseline
    assert "20 requests" in figures["soak: memory at the end"].note
    found = json.loads((tmp_path / "out" / "serving.json").read_text(encoding="utf-8"))
    assert sum(found["swaps"]["decisions"].values()) == found["swaps"]["statuses"]["200"]
    assert found["singles"]["statuses"] == {"200": SMALL.singles}


@pytest.fixture
def broken() -> Iterator[int]:
    """A service that refuses every other request, and otherwise answers for a model that it does not have."""
    served = iter(range(1_000))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            titles = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["titles"]
            predictions = [{"category": "another"} for _ in titles]
            body = json.dumps({"model": {"sha256": "aa", "decision": 1}, "predictions": predictions}).encode()
            self.send_response(200 if next(served) % 2 else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_load_generator_counts_refusals_and_answers_of_another_model(broken: int, tmp_path: Path) -> None:
    (tmp_path / "titles").write_text(json.dumps(TITLES[:10]))
    (tmp_path / "expected").write_text(json.dumps({"aa": ["one"] * 10}))
    load: dict[str, Any] = asdict(Load(broken, str(tmp_path / "titles"), 8, 5, str(tmp_path / "expected")))
    for found in (open_loop(load, rate=400), closed_loop(load, connections=1)):
        assert (found["errors"], found["statuses"], found["wrong"]) == (4, {"200": 4, "503": 4}, 4)
    nobody = closed_loop({**load, "port": 9, "expected": ""}, connections=2)
    assert (nobody["errors"], nobody["statuses"]) == (8, {"ConnectionRefusedError": 8})
