"""Runs inside an Airflow: requests every address of the plugin's application without signing in, as a user, as admin.

Prints {who: {"METHOD path": status}}.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import meli_airflow.application
from airflow.api_fastapi.app import create_app, get_auth_manager
from meli_airflow import rights
from starlette.testclient import TestClient

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


def _fab_users(security: Any) -> dict[str, Any]:
    """`user` has no right at all; a `promoter` has the role Op and the right to decide on the champion."""
    rights.register()  # as the api-server does at the first request for one of our pages
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


def main() -> None:
    """Walk."""
    warnings.simplefilter("ignore")
    client = TestClient(create_app(apps="core"), raise_server_exceptions=False, follow_redirects=False)
    statuses: dict[str, dict[str, int]] = {}
    for who, token in {"nobody": "", "forged": "x.y.z", **tokens()}.items():
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        statuses[who] = {
            f"{method} {path}": client.request(
                method, f"/meli{path}", headers=headers, json={} if method in UNSAFE else None
            ).status_code
            for path in addresses()
            for method in METHODS
        }
        cookie = {"_token": token} if token else {}
        client.cookies.update(cookie)
        statuses[f"{who} by cookie"] = {"GET /api/models": client.get("/meli/api/models").status_code}
        client.cookies.clear()
    print("WALKED", json.dumps(statuses))  # noqa: T201


if __name__ == "__main__":
    main()
