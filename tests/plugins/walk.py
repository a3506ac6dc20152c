"""Runs inside an Airflow: requests every address of the plugin's application without signing in, as a user, as admin.

Prints {who: {"METHOD path": status}}. Beside real users there are tokens that only look like the administrator's: of
another key, without a signature, expired, for another service, with a changed role. Each answer must have the headers
of `response_headers.PRIVATE`, and no redirect may name a host: what lacks one is printed as {"METHOD path": headers}.
"""

from __future__ import annotations

import base64
import json
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
import meli_airflow.application
from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.configuration import conf
from meli_airflow import rights
from starlette.testclient import TestClient

from meli_tasks.response_headers import PRIVATE

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
FILLED = {
    "run_id:path": "a/b",
    "run_id": "a",
    "stage": "train",
    "key": "0" * 32,
    "run": "a",
    "digest": "b",
    "label": "mlp",
}
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
UNKNOWN = ("/", "/nothing", "/docs", "/redoc", "/api", "/api/", "/api/nothing", "/static/", "/static/nothing.js",
           "/static/../application.py", "//static/pages.js", "/openapi.yaml")  # fmt: skip


def addresses() -> list[str]:
    """Every route, with its parameters filled in; every file; and what is not there."""
    routes: list[str] = []
    for route in _routes(meli_airflow.application.application().routes):
        filled = route
        for name, value in FILLED.items():
            filled = filled.replace(f"{{{name}}}", value)
        routes.append(filled)
    files = (Path(meli_airflow.application.__file__).parent / "static").iterdir()
    return [*routes, *(f"/static/{file.name}" for file in files), *UNKNOWN]


def _routes(routes: Any) -> list[str]:
    found = []
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            found += _routes(inner.routes)
        elif getattr(route, "methods", None):
            found.append(route.path)
    return found


def tokens() -> dict[str, str]:
    """Of users with each of the roles that there are here, by whatever signs in."""
    manager = get_auth_manager()
    if "Fab" in type(manager).__name__:
        users = _fab_users(manager.security_manager)
    else:
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

        roles = ("viewer", "user", "op", "admin")
        users = {role: SimpleAuthManagerUser(username=f"the {role}", role=role) for role in roles}
    return {name: manager.generate_jwt(user) for name, user in users.items()}


def forged(genuine: str) -> dict[str, str]:
    """Tokens that look like a genuine one."""
    head, payload, signature = genuine.split(".")
    claims = jwt.decode(genuine, options={"verify_signature": False})
    key = conf.get("api_auth", "jwt_secret")
    expired = {**claims, "exp": int(time.time()) - 3_600, "iat": int(time.time()) - 7_200, "nbf": 0}
    other_role = base64.urlsafe_b64encode(json.dumps({**claims, "role": "admin", "sub": "1"}).encode()).rstrip(b"=")
    return {
        "forged": "x.y.z",
        "forged: no signature": f"{head}.{payload}.",
        "forged: algorithm none": jwt.encode(claims, None, "none"),
        "forged: another key": jwt.encode(claims, "x" * 64, "HS512"),
        "forged: another algorithm": jwt.encode(claims, key, "HS256"),
        "forged: changed role": f"{head}.{other_role.decode()}.{signature}",
        "forged: expired": jwt.encode(expired, key, "HS512"),
        "forged: another audience": jwt.encode({**claims, "aud": "another-service"}, key, "HS512"),
    }


def lacking(headers: Any) -> dict[str, str]:
    """What is wrong with the headers of an answer."""
    wrong = {name: str(headers.get(name)) for name in PRIVATE if not headers.get(name)}
    if "://" in headers.get("location", "") or headers.get("location", "").startswith("//"):
        wrong["location"] = headers["location"]
    return wrong


def _fab_users(security: Any) -> dict[str, Any]:
    """`user` has no right at all; a `promoter` has the role Op and the right to decide on the champion."""
    promoters = security.add_role("Promoters")
    security.add_permission_to_role(promoters, security.get_permission("can_edit", rights.CHAMPION))
    roles = {
        "user": [security.add_role("Nothing")],
        "viewer": [security.find_role("Viewer")],
        "op": [security.find_role("Op")],
        "promoting viewer": [security.find_role("Viewer"), promoters],
        "promoter": [security.find_role("Op"), promoters],
        "admin": [security.find_role("Admin")],
    }
    return {
        name: security.add_user(name, "F", "L", f"{name.split()[0]}{number}@example.org", role, hashed_password="none")
        for number, (name, role) in enumerate(roles.items())
    }


RUN = "dags/meli_training/dagRuns/a/taskInstances"
DECIDING = {
    "training": ("POST", "dags/meli_training/dagRuns", {"logical_date": None}),
    "training, always": ("POST", "dags/meli_training/dagRuns", {"conf": {"promotion": "always"}}),
    "training, null": ("POST", "dags/meli_training/dagRuns", {"conf": {"promotion": None}}),
    "training, a list": ("POST", "dags/meli_training/dagRuns", {"conf": {"promotion": ["never"]}}),
    "training, padded": ("POST", "dags/meli%5Ftraining/dagRuns", {"note": "x" * 5_000_000}),
    "training, a line break": ("POST", "dags/meli_training/dagRuns%0A", {"conf": {"promotion": "always"}}),
    "dates, always": ("POST", "dags/meli_backfill/dagRuns", {"conf": {"promotion": "always"}}),
    "backfill": ("POST", "backfills", {"dag_id": "meli_training", "dag_run_conf": {"promotion": "always"}}),
    "asset": ("POST", "assets/{CHAMPION}/materialize", {}),
    "asset, always": ("POST", "assets/%20{CHAMPION}/materialize", {"conf": {"promotion": "always"}}),
    "answer": ("PATCH", f"{RUN}/approve/-1/hitlDetails", {"chosen_options": ["Approve"]}),
    "what a task returned": ("POST", f"{RUN}/approve/xcomEntries", {"key": "approval", "value": {"approved": True}}),
    "what a task returned, changed": ("PATCH", f"{RUN}/decide/xcomEntries/return_value", {"value": {}}),
    "what a task returned, removed": ("DELETE", f"{RUN}/approve/xcomEntries/approval", None),
}  # fmt: skip
"""Requests that decide on the champion; to the others nobody needs the right.

Here are no DAGs, so Airflow answers whatever is let through with a refusal of its own.
"""
OTHERS = {
    "training, never": ("POST", "dags/meli_training/dagRuns", {"conf": {"promotion": "never"}}),
    "training, approval": ("POST", "dags/meli_training/dagRuns", {"conf": {"promotion": "approval"}}),
    "dates": ("POST", "dags/meli_backfill/dagRuns", {"logical_date": None}),
    "backfill": ("POST", "backfills", {"dag_id": "meli_training", "dag_run_conf": {"promotion": "auto"}}),
    "backfill, unchanged": ("POST", "backfills", {"dag_id": "meli_training"}),
    "asset, never": ("POST", "assets/{CHAMPION}/materialize", {"conf": {"promotion": "never"}}),
    "another asset": ("POST", "assets/{OTHER}/materialize", {}),
    "no asset": ("POST", "assets/none/materialize", {}),
    "another DAG": ("POST", "dags/meli_batch_predict/dagRuns", {"conf": {"promotion": "always"}}),
    "what another task returned": ("POST", "dags/meli_verify/dagRuns/a/taskInstances/b/xcomEntries", {"key": "c"}),
    "damaged": ("POST", "dags/meli_verify/dagRuns", "never"),
    "clear": ("POST", "dags/meli_training/clearTaskInstances", {"dag_run_id": "a"}),
}


def assets() -> dict[str, int]:
    """The numbers of an asset that `meli_training` makes, and of one that another DAG makes."""
    from airflow.models.asset import AssetModel, TaskOutletAssetReference
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    numbers = {}
    with create_session() as session:
        session.add(DagBundleModel(name="dags-folder"))
        session.flush()
        for name, dag in (("CHAMPION", "meli_training"), ("OTHER", "another")):
            asset = AssetModel(name=name, uri=f"x-meli://{name}", group="asset")
            session.add_all([asset, DagModel(dag_id=dag, bundle_name="dags-folder")])
            session.flush()
            session.add(TaskOutletAssetReference(asset_id=asset.id, dag_id=dag, task_id="promote"))
            numbers[name] = asset.id
    return numbers


def refused(client: TestClient, headers: dict[str, str], requests: Mapping[str, Any], numbers: dict[str, int]) -> Any:
    """The requests that are refused for lack of the right to decide, each with whether the answer names the right."""
    found = {}
    for name, (method, path, body) in requests.items():
        answer = client.request(method, f"/api/v2/{path.format(**numbers)}", headers=headers, json=body)
        if answer.status_code == 403 and "You may not" in answer.text:
            found[name] = int("add-perms --action can_edit --resource" in answer.text)
    return found


def main() -> None:
    """Walk."""
    warnings.simplefilter("ignore")
    application = create_app(apps="core")
    with TestClient(application, raise_server_exceptions=False, follow_redirects=False) as client:
        walk(client)


def walk(client: TestClient) -> None:
    """Request everything as everybody. First what Airflow itself answers, as if nobody had opened our pages yet."""
    statuses: dict[str, dict[str, int]] = {}
    wrong: dict[str, dict[str, str]] = {}
    genuine = tokens()
    numbers = assets()
    for who, token in genuine.items():
        signed = {"Authorization": f"Bearer {token}"}
        statuses[f"{who} decides"] = refused(client, signed, DECIDING, numbers)
        statuses[f"{who} triggers"] = refused(client, signed, OTHERS, numbers)
    for who, token in {"nobody": "", **forged(genuine["admin"]), **genuine}.items():
        headers = {"Authorization": f"Bearer {token}", "Host": "evil.example"} if token else {}
        statuses[who] = {}
        for path in addresses():
            if who.startswith("forged: ") and path.startswith("/static/"):
                continue
            for method in ("GET", "POST") if who.startswith("forged: ") else METHODS:
                body = {} if method in UNSAFE else None
                answer = client.request(method, f"/meli{path}", headers=headers, json=body)
                statuses[who][f"{method} {path}"] = answer.status_code
                if found := lacking(answer.headers):
                    wrong[f"{who}: {method} {path}"] = found
        cookie = {"_token": token} if token else {}
        client.cookies.update(cookie)
        statuses[f"{who} by cookie"] = {"GET /api/models": client.get("/meli/api/models").status_code}
        client.cookies.clear()
    print("LACKING", json.dumps(wrong))  # noqa: T201
    print("WALKED", json.dumps(statuses))  # noqa: T201


if __name__ == "__main__":
    main()
