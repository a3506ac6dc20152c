"""What a service meets: nonsense, too much of everything, clients that stall, and clients without a key."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from schemathesis import Case

from meli_tasks.response_headers import PRIVATE
from tests import openapi, waiting
from tests.serving.running import HOST, Models, Service, serving

KEY = "a-key-of-the-tests-0123456789"
OTHER_KEY = "another-key-of-the-tests"
MAX_TITLES = 50
WORD = "celular"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a key, small limits and short deadlines."""
    folder = tmp_path_factory.mktemp("hostile")
    models = Models.make(folder, "mlp")
    models.promote("mlp")
    keys = folder / "keys"
    keys.write_text(f"# of the tests\n{KEY}\n\n{OTHER_KEY}\n", encoding="utf-8")
    with serving(
        models.store, folder / "home", keys_file=keys, max_titles=MAX_TITLES, max_body_mb=2, request_seconds=1
    ) as running:
        running.headers = {"Authorization": f"Bearer {KEY}"}
        yield running


@pytest.fixture(autouse=True)
def still_answers(service: Service) -> Iterator[None]:
    """Whatever a test has sent, the service goes on, and neither keys nor titles are in its log."""
    yield
    [prediction] = service.predict(WORD)["predictions"]
    assert prediction["category"] == "CELLPHONES"
    assert "Traceback" not in service.logged()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"titles": ["a", 7]}', "titles[1]: "),
        (b'{"titles": [null]}', "titles[0]: "),
        (b'{"titles": ["a", "b", ["c"]]}', "titles[2]: "),
        (b'{"titles": [{}]}', "titles[0]: "),
        (b'{"titles": [true]}', "titles[0]: "),
        (b'{"titles": "celular"}', "titles"),
        (b'{"titles": {"0": "celular"}}', "titles"),
        (b'{"titles": null}', "titles"),
        (b'{"titles": []}', "titles"),
        (b'{"title": 5}', "title"),
        (b"{}", "titles"),
        (b'{"title": "a", "titles": ["b"]}', "titles"),
        (b'["celular"]', "object"),
        (b'"celular"', "object"),
        (b"7", "object"),
        (b"null", "object"),
        (b'{"titles": ["a"], "top": 0}', "top"),
        (b'{"titles": ["a"], "top": -1}', "top"),
        (b'{"titles": ["a"], "top": "five"}', "top"),
        (b'{"titles": ["a"], "top": 1.5}', "top"),
        (b'{"titles": ["a"], "top": true}', "top"),
        (b'{"titles": ["a"], "top": 1e400}', "top"),
        (b'{"titles": ["a"], "top": 99999999999999999999}', "top"),
        (b'{"titles": ["a"], "abstain_below": 2}', "abstain_below"),
        (b'{"titles": ["a"], "abstain_below": -0.1}', "abstain_below"),
        (b'{"titles": ["a"], "abstain_below": "0.5"}', "abstain_below"),
        (b'{"titles": ["a"], "tpo": 5}', "tpo"),
    ],
)
def test_a_body_that_asks_for_nothing_sensible_is_refused_with_the_place(
    service: Service, body: bytes, sentence: str
) -> None:
    answer = service.post(body)
    assert answer.status == 422, answer.body
    assert sentence in answer.detail


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "line 1 column 0"),
        (b"titles=celular", "line 1 column 2"),
        (b'{"titles": ["celular"]', "line 1 column 22"),
        (b'{"titles":\n ["celular",]}', "line 2 column 13"),
        (b'{"titles": ["cel\nular"]}', "control character"),
        (b'{"titles": ["a"], "abstain_below": NaN}', "abstain_below"),
        (b'{"titles": ["a"], "abstain_below": -Infinity}', "abstain_below"),
        (b'{"titles": ["a"], "top": ' + b"9" * 5000 + b"}", "number out of range at line 1"),
        (b'{"titles": ["caf\xe9"]}', "invalid unicode code point at line 1 column 17"),
        (b'{"titles": ["celular \\ud800"]}', "line 1 column"),
        (bytes(range(256)), "line 1 column 1"),
        (b"[" * 100_000, "recursion limit exceeded at line 1"),
        (b'{"titles": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "recursion limit exceeded at line 1"),
    ],
)
def test_what_is_no_json_is_refused_with_its_position(service: Service, body: bytes, sentence: str) -> None:
    answer = service.post(body)
    assert answer.status in {400, 422}, answer.body
    assert sentence in answer.detail


@pytest.mark.parametrize("title", ["", "   ", "\u200b\u2060", "x" * 1_000_000, "\x00" * 9])
def test_a_title_that_cannot_be_classified_keeps_its_place(service: Service, title: str) -> None:
    first, none, last = service.predict(WORD, title, "perfume")["predictions"]
    assert (first["category"], last["category"]) == ("CELLPHONES", "PERFUMES")
    assert (none["category"], none["probability"], none["categories"], none["probabilities"]) == ("", None, [], [])
    assert none["known"] in {None, False}
    assert none["abstained"] is False


def test_one_title_too_many_is_refused_and_the_most_allowed_are_not(service: Service) -> None:
    assert len(service.predict(*[WORD] * MAX_TITLES)["predictions"]) == MAX_TITLES
    answer = service.post({"titles": [WORD] * (MAX_TITLES + 1)})
    assert answer.status == 413
    assert "51" in answer.detail and "50" in answer.detail


def test_a_hundred_thousand_titles_are_refused(service: Service) -> None:
    answer = service.post({"titles": [WORD] * 100_000})
    assert answer.status == 413
    assert "100,000 titles" in answer.detail


def test_a_body_over_the_limit_is_refused_before_it_is_read(service: Service) -> None:
    with service.connect() as connection:
        connection.sendall(head(f"Content-Length: {3 * 1024**2}"))
        assert received(connection).startswith(b"HTTP/1.1 413 ")


def test_a_body_of_unknown_length_is_refused_once_it_is_over_the_limit(service: Service) -> None:
    with service.connect() as connection:
        connection.sendall(head("Transfer-Encoding: chunked"))
        block = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        try:
            for _ in range(40):
                connection.sendall(block)
        except ConnectionError:
            pass  # refused while sending: the answer has been sent, but the system may have dropped it
        else:
            assert received(connection).startswith(b"HTTP/1.1 413 ")
    assert "413" in {str(line.get("status")) for line in service.log_lines()}


def test_a_body_that_does_not_come_is_not_waited_for(service: Service) -> None:
    with service.connect() as connection:
        connection.sendall(head("Content-Length: 100") + b'{"titles": [')
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"was not complete after 1 s." in answer


def test_headers_that_do_not_come_are_not_waited_for(service: Service) -> None:
    with service.connect() as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        received(connection)  # ends: the service closes the connection


def test_a_head_without_end_is_refused(service: Service) -> None:
    with service.connect() as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nX-Long: " + b"x" * 60_000)
        connection.sendall(b"x" * 10_000)
        assert received(connection).startswith(b"HTTP/1.1 431 ")


def test_a_connection_without_a_request_is_not_kept(service: Service) -> None:
    with service.connect() as connection:
        assert received(connection) == b""


def test_a_client_that_leaves_before_its_answer_harms_nobody(service: Service) -> None:
    for _ in range(5):
        body = json.dumps({"titles": [WORD] * MAX_TITLES}).encode()
        with service.connect() as connection:
            connection.sendall(head(f"Content-Length: {len(body)}") + body)


def test_requests_behind_each_other_on_one_connection_get_answers_in_order(service: Service) -> None:
    bodies = [json.dumps({"title": word}).encode() for word in ("celular", "perfume", "zapatillas")]
    with service.connect() as connection:
        for place, body in enumerate(bodies):
            last = "Connection: close\r\n" if place == len(bodies) - 1 else ""
            connection.sendall(head(f"Content-Length: {len(body)}", last) + body)
        answers = received(connection)
    assert answers.count(b"HTTP/1.1 200 ") == len(bodies)
    assert answers.index(b'"CELLPHONES"') < answers.rindex(b'"SNEAKERS"')


@pytest.mark.parametrize(
    ("given", "logged"),
    [
        ({}, "no key"),
        ({"Authorization": ""}, "no key"),
        ({"Authorization": "Bearer"}, "wrong key"),
        ({"Authorization": "Bearer "}, "wrong key"),
        ({"Authorization": "Bearer wrong-0123456789"}, "wrong key"),
        ({"Authorization": f"Bearer {KEY}x"}, "wrong key"),
        ({"Authorization": f"Basic {KEY}"}, "wrong key"),
        ({"Authorization": KEY}, "wrong key"),
        ({"Authorization": "Bearer # of the tests"}, "wrong key"),
        ({"Authorization": b"Bearer \xff\xfe"}, "wrong key"),
    ],
)
def test_without_a_right_key_there_is_no_answer(service: Service, given: dict[str, str], logged: str) -> None:
    before = len(service.logged())
    for answer in (service.post({"title": "titulo secreto"}, given), service.get("/version", given)):
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "Bearer" in answer.detail
    new = service.logged()[before:]
    for secret in ("wrong-0123456789", KEY, "titulo secreto", "# of the tests"):
        assert secret not in new
    assert '"status": 401' in new


def test_each_key_of_the_file_is_accepted(service: Service) -> None:
    for key in (KEY, OTHER_KEY):
        header = {"Authorization": f"Bearer {key}".encode()}
        assert service.post({"title": WORD}, header).status == 200  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "path", ["/health/live", "/version", "/metrics", "/docs", "/openapi.json", "/nothing", "/predict"]
)
def test_no_answer_is_stored_framed_or_guessed(service: Service, path: str) -> None:
    for answer in (service.get(path), service.get(path, {}), service.post({}, {}, path)):
        headers = {name: answer.headers.get(name.lower()) for name in PRIVATE}
        policy = headers.pop("Content-Security-Policy") or ""
        assert headers.items() <= PRIVATE.items(), path
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert ("script-src" in policy) == (path == "/docs")


def test_requests_made_from_the_openapi_document_are_answered_or_refused_in_a_sentence(service: Service) -> None:
    statuses: set[int] = set()

    def send(case: Case[Any]) -> None:
        answer = case.call_and_validate(f"http://{HOST}:{service.port}", headers=service.headers, checks=openapi.CHECKS)
        statuses.add(answer.status_code)
        assert answer.status_code < 400 or answer.json()["detail"], answer
        assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == (
            ["no-store"],
            ["nosniff"],
        )

    openapi.try_all(service.get("/openapi.json").json, send)
    assert {200, 422} <= statuses


def test_health_needs_no_key(service: Service) -> None:
    assert service.get("/health/live", {}).status == 200
    assert service.get("/health/ready", {}).status == 200


def test_the_log_has_a_line_for_each_request_and_no_title_or_key(service: Service) -> None:
    service.predict("zapatillas", "titulo que nadie debe ver")
    lines = waiting.until(lambda: [line for line in service.log_lines() if line.get("titles") == 2], poll_seconds=0.02)
    assert (lines[-1]["method"], lines[-1]["path"], lines[-1]["status"]) == ("POST", "/predict", 200)
    assert "nadie" not in service.logged()
    assert KEY not in service.logged()


def test_a_path_cannot_write_into_the_log(service: Service) -> None:
    before = len(service.logged().splitlines())
    assert service.get("/%0a%7b%22status%22%3a200%7d%1b").status == 404
    [line] = service.logged().splitlines()[before:]
    assert json.loads(line)["status"] == 404
    assert "\x1b" not in line


@pytest.mark.parametrize("path", ["/nothing", "/predict/", "/../etc/passwd", "/docs/../version/x"])
def test_an_unknown_path_is_not_found(service: Service, path: str) -> None:
    assert service.get(path).status in {404, 405}


def test_another_method_is_refused(service: Service) -> None:
    assert service.get("/predict").status == 405


def head(*lines: str) -> bytes:
    """The head of a POST /predict."""
    common = ("POST /predict HTTP/1.1", "Host: localhost", f"Authorization: Bearer {KEY}")
    wanted = [line.strip() for line in (*common, *lines) if line]
    return ("\r\n".join(wanted) + "\r\n\r\n").encode()


def received(connection: socket.socket) -> bytes:
    """All that comes until the service closes the connection."""
    found = b""
    try:
        while block := connection.recv(65_536):
            found += block
    except ConnectionError:
        return found
    return found
