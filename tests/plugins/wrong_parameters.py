"""Runs inside an Airflow: requests the plugin's application with parameters that it cannot use, as admin.

Prints {path: [status, body]}, also of addresses that do not exist, and what is wrong with the answers to requests that
are made from the application's OpenAPI document.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from collections import Counter
from typing import Any

from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi import HTTPException, Request
from meli_airflow.application import sentence_response
from schemathesis import Case
from starlette.testclient import TestClient

from meli_tasks.response_headers import PRIVATE
from tests import openapi

LONG = "x" * 901
PATHS = (
    *(f"/api/models?limit={limit}" for limit in ("abc", "0", "1001", "1.5", "", "-1", "1e3")),
    "/api/models?since=yesterday", "/api/models?until=2026-13-01", "/api/models?limit=abc&since=x",
    f"/api/models?text={LONG}", f"/api/models?set={LONG}", "/api/models?text=%00", "/api/models?set=%00",
    "/api/decisions?limit=abc",
    "/api/comparison", "/api/comparison?left=a", f"/api/comparison?left=a&right={LONG}",
    "/api/comparison?left=%00&right=b", "/api/comparison?compare=a", "/api/comparison?compare=a&compare=a",
    f"/api/comparison?{'&'.join(f'compare={number}' for number in range(9))}", "/api/comparison?compare=a&compare=%00",
    "/api/comparison?compare=a&compare=b&baseline=c", f"/api/comparison?compare=a&compare={LONG}",
    "/api/artifacts/Train/x", f"/api/artifacts/train/{'z' * 32}",
    "/api/training", "/api/training?run_id=a", "/api/training?run_id=%00&task_id=train_mlp",
    *(f"/api/training?run_id=a&task_id=train_mlp&map_index={index}" for index in ("first", "-2", "99999999999")),
    "/api/model/a/b%20c/mlp", "/api/model/a%00/b/mlp", "/api/model/a/b/m%00", f"/api/model/a/b/{LONG}",
    "/api/model/a/b/mlp/confusions?category=X", "/api/model/a/b/mlp/confusions?predicted=X",
    "/api/model/a/b/mlp/confusions?category=X&predicted=Y&limit=0", "/api/model/a/b/mlp/confusions?category=%00",
    "/api/model/a/b/mlp/confusions?of=%00",
    "/api/runs/a%00b", f"/api/runs/{LONG}", "/api/backfills/a%00b",
)  # fmt: skip

UNKNOWN = (("GET", "/api/nothing"), ("POST", "/api/models"), ("GET", "/static/nothing.js"))


def fuzzed(client: TestClient, headers: dict[str, str]) -> dict[str, Any]:
    """How many requests were answered with each status, and what is wrong with which."""
    document = client.get("/meli/openapi.json", headers=headers).json()
    statuses: Counter[str] = Counter()
    wrong: list[str] = []

    def send(case: Case[Any]) -> None:
        request = case.as_transport_kwargs(base_url="http://testserver/meli", headers=headers)
        request["content"] = request.pop("data", None)
        answer = client.request(**{name: value for name, value in request.items() if value is not None})
        statuses[f"{answer.status_code}"] += 1
        case.validate_response(answer, openapi.CHECKS)
        refused = answer.status_code >= 400 and not isinstance(answer.json().get("detail"), str)
        if refused or not all(answer.headers.get(name) for name in PRIVATE):
            wrong.append(f"{request}: {answer.status_code} {answer.text[:300]} {dict(answer.headers)}")

    operations = openapi.try_all(document, send)
    return {"statuses": dict(statuses), "wrong": wrong[:5], "operations": operations}


def main() -> None:
    """Request each."""
    warnings.simplefilter("ignore")
    client = TestClient(create_app(apps="core"), raise_server_exceptions=False)
    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="a", role="admin"))
    headers = {"Authorization": f"Bearer {token}"}
    answers = {path: client.get(f"/meli{path}", headers=headers) for path in PATHS}
    print("REFUSED", json.dumps({path: [one.status_code, one.text] for path, one in answers.items()}))  # noqa: T201
    print("FUZZED", json.dumps(fuzzed(client, headers)))  # noqa: T201
    unknown = [client.request(method, f"/meli{path}", headers=headers, json={}) for method, path in UNKNOWN]
    found = [[one.status_code, one.json()["detail"]] for one in unknown]
    # Each role of this auth manager may read every DAG, so nobody is refused here as with other ones.
    request = Request({"type": "http", "method": "GET", "path": "/meli"})
    refused = asyncio.run(sentence_response(request, HTTPException(403)))
    print("UNKNOWN", json.dumps([*found, [refused.status_code, json.loads(bytes(refused.body))["detail"]]]))  # noqa: T201


if __name__ == "__main__":
    main()
