"""Runs inside an Airflow: promotes and rolls back through the application, as every role and as a foreign page.

Prints [what, status, sentence, number of the last decision afterwards] for each request. The environment names a store
with two promotions, and MODEL is the id of a model that can be promoted.
"""

from __future__ import annotations

import base64
import json
import os
import warnings
from typing import Any

from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from starlette.testclient import TestClient

from meli_tasks.ledger import Ledger
from meli_tasks.settings import Settings

ROLES = ("viewer", "user", "op", "admin")
HOST = "airflow.example.org"
OURS, FOREIGN = f"https://{HOST}", "https://evil.example.org"
ROLLBACK: dict[str, Any] = {"reason": "recall fell", "expected": 2}


def b64(content: bytes) -> str:
    """In base64, as the page sends a file."""
    return base64.b64encode(content).decode()


FILES: dict[str, dict[str, Any]] = {
    "a file": {},
    "a file of another kind": {"content": b64(b"PK\x03\x04" + b"x" * 50)},
    "a file that is too large": {"content": b64(b"title\n" + b"x" * 1_040_000)},
    "a body that is too large": {"content": b64(b"title\n" + b"x" * 1_060_000)},
    "no base64": {"content": "ñ" * 100},
    "a file for a model that is gone": {"model": "f" * 32},
}
PREDICTIONS: dict[str, dict[str, Any]] = {
    "no title": {"titles": []},
    "101 titles": {"titles": ["x"] * 101},
    "a long title": {"titles": ["perfume", "x" * 501]},
    "no list": {"titles": "perfume"},
    "21 categories": {"top": 21},
    "an unknown model": {"model": "a/b/c"},
    "a short key": {"model": "ab"},
}


def main() -> None:
    """Request."""
    warnings.simplefilter("ignore")
    client = TestClient(create_app(apps="core"), raise_server_exceptions=False, base_url=OURS)
    manager = get_auth_manager()
    tokens = {role: manager.generate_jwt(SimpleAuthManagerUser(username=f"the {role}", role=role)) for role in ROLES}
    ledger, done = Ledger(Settings.from_environment().open_store()), []

    def post(what: str, path: str, headers: dict[str, str], **more: Any) -> None:
        answer = client.post(f"/meli/api/{path}", headers=headers, **more)
        last = ledger.last()
        done.append([what, answer.status_code, answer.json(), last.number if last else 0])

    def bearer(role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {tokens[role]}"}

    titles = {"titles": ["perfume qwe"], "model": os.environ["MODEL"]}
    post("viewer predicts", "predict", bearer("viewer"), json=titles)
    for what, changed in FILES.items():
        body = {"name": "t.csv", "content": b64(b"title\nperfume\nqwe\n"), "model": os.environ["MODEL"], **changed}
        answer = client.post("/meli/api/predict/file", headers=bearer("viewer"), json=body)
        lines = [json.loads(line) for line in answer.text.splitlines()]
        done.append([what, answer.status_code, {"lines": lines, "headers": dict(answer.headers)}, 0])
    for what, changed in PREDICTIONS.items():
        post(what, "predict", bearer("viewer"), json={**titles, **changed})
    post("nobody", "rollback", {}, json=ROLLBACK)
    post("viewer", "rollback", bearer("viewer"), json=ROLLBACK)
    client.cookies.set("_token", tokens["admin"])
    post("form of a foreign page", "rollback", {"Origin": FOREIGN}, data={"reason": "x", "expected": "2"})
    post("text of a foreign page", "rollback", {"Origin": FOREIGN, "Content-Type": "text/plain"},
         content=json.dumps(ROLLBACK))  # fmt: skip
    post("script of a foreign page", "rollback", {"Origin": FOREIGN}, json=ROLLBACK)
    post("foreign page over HTTPS", "rollback", {"Origin": FOREIGN, "Sec-Fetch-Site": "cross-site"}, json=ROLLBACK)
    post("neighbouring host", "rollback", {"Origin": OURS, "Sec-Fetch-Site": "same-site"}, json=ROLLBACK)
    post("cookie alone", "rollback", {}, json=ROLLBACK)
    post("too large", "rollback", {"Origin": OURS}, json={**ROLLBACK, "reason": "x" * 600_000})
    post("long reason", "rollback", {"Origin": OURS}, json={**ROLLBACK, "reason": "x" * 10_000})
    post("blank reason", "rollback", {"Origin": OURS}, json={**ROLLBACK, "reason": " \n "})
    post("no reason", "rollback", {"Origin": OURS}, json={"expected": 2})
    post("misspelled", "rollback", {"Origin": OURS}, json={**ROLLBACK, "too": 1})
    post("no number", "rollback", {"Origin": OURS}, json={**ROLLBACK, "expected": "2"})
    post("no JSON", "rollback", {"Origin": OURS, "Content-Type": "application/json"}, content="{")
    post("no object", "rollback", {"Origin": OURS}, json=[1])
    post("no such decision", "rollback", {"Origin": OURS}, json={**ROLLBACK, "to": 99})
    post("an old page", "rollback", {"Origin": OURS}, json={**ROLLBACK, "expected": 1})
    post("our page", "rollback", {"Origin": OURS, "Sec-Fetch-Site": "same-origin"},
         json={**ROLLBACK, "reason": "<b>recall</b>\nof PHONES fell"})  # fmt: skip
    note = f"model/{os.environ['MODEL']}/note"
    post("foreign note", note, {"Origin": FOREIGN}, json={"note": "x", "seen": 0})
    client.cookies.clear()
    post("viewer's note", note, bearer("viewer"), json={"note": "x", "seen": 0})
    post("long note", note, bearer("user"), json={"note": "x" * 2_001, "seen": 0})
    post("user's note", note, bearer("user"), json={"note": "<b>diverged</b>\nat 0.01", "seen": 0})
    post("second note", note, bearer("op"), json={"note": "mine", "seen": 0})
    model = os.environ["MODEL"]
    post("no such model", "promote", bearer("user"), json={"model": "a/b/c", "reason": "r", "expected": 3})
    post("viewer promotes", "promote", bearer("viewer"), json={"model": model, "reason": "r", "expected": 3})
    post("user", "promote", bearer("user"), json={"model": model, "reason": "it is what we need", "expected": 3})
    post("twice", "promote", bearer("op"), json={"model": model, "reason": "again", "expected": 4})
    post("op", "rollback", bearer("op"), json={"reason": "no", "expected": 4, "to": 2})
    rights = {role: client.get("/meli/api/rights", headers=bearer(role)).json() for role in ROLES}
    champion = client.get("/meli/api/champion", headers=bearer("viewer")).json()
    run_id = os.environ["RUN_ID"]
    files = {}
    for path in (f"report/{run_id}", "report/no-such-run", f"model/{model}/suspects.csv"):
        answer = client.get(f"/meli/api/{path}", headers=bearer("viewer"))
        files[path] = [answer.status_code, dict(answer.headers), answer.text]
    print("DECIDED", json.dumps([done, rights, champion, files]))  # noqa: T201


if __name__ == "__main__":
    main()
