"""The policies of kubernetes/s3-policies on a real S3 server: each role does its work, and nothing else."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from meli_tasks.artifacts import paths
from meli_tasks.core.errors import MeliError
from meli_tasks.ledger import Ledger
from meli_tasks.stack import servers
from meli_tasks.stages import STAGES
from meli_tasks.store import Store, open_store
from meli_tasks.store.s3_client import client
from tests.decided import promote

pytestmark = pytest.mark.integration
FOLDER = Path(__file__).parents[2] / "kubernetes" / "s3-policies"
ROLES = ("trainer", "promoter", "scorer", "service", "reader")
BUCKET, PREFIX, OUTSIDE = "meli", "store", "elsewhere/object"
# Who may write a name of the store; whoever is in the third column may delete it too. Everybody may read.
WRITERS: list[tuple[str, set[str], set[str]]] = [
    *((paths.manifest(stage, "key"), {"trainer"}, set()) for stage in STAGES),
    (paths.artifact_file("train", "key", "attempt", "model.safetensors"), {"trainer"}, set()),
    (paths.newest_checkpoint("train", "key"), {"trainer"}, {"trainer"}),
    (paths.search("searches/key/", "run"), {"trainer"}, set()),
    (paths.plan("run", "hash"), {"trainer", "promoter"}, set()),
    (paths.progress_log("train", "key"), {"trainer", "promoter", "scorer"}, {"trainer", "scorer"}),
    (paths.uploading("train", "key", "attempt", "process"), {"trainer", "scorer"}, {"trainer", "scorer"}),
    (paths.tracking_claim("claim"), {"trainer", "promoter"}, {"trainer", "promoter"}),
    (paths.decision(1), {"promoter"}, set()),
    (paths.decision_copy(1), {"promoter"}, set()),
    (paths.registered("digest"), {"promoter"}, set()),
    (paths.IDENTITY, {"promoter"}, set()),
    (paths.card("key"), {"promoter"}, set()),
    (paths.batch_plan("id"), {"scorer"}, set()),
    (paths.batch_record("id"), {"scorer"}, set()),
    (paths.manifest("score", "key"), {"scorer"}, set()),
    (paths.monitored("model", "day", "source"), {"trainer", "scorer"}, set()),
    (paths.answered("model", "day", "process"), {"trainer", "scorer", "service"}, set()),
    (paths.hyperparameter_set("mine"), set(), set()),  # people add sets
]


@dataclass(frozen=True)
class Server:
    """A server that knows the roles, and their keys."""

    endpoint: str
    keys: dict[str, tuple[str, str]]

    def client(self, role: str) -> Any:
        access, secret = self.keys[role]
        return client(self.endpoint, access_key=access, secret_key=secret)

    def store(self, role: str) -> Store:
        access, secret = self.keys[role]
        make = partial(client, access_key=access, secret_key=secret)
        return open_store(f"s3://{BUCKET}/{PREFIX}", s3_endpoint=self.endpoint, s3_client=make)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("policies")
    keys = {role: (secrets.token_hex(10), secrets.token_hex(20)) for role in (*ROLES, "admin")}
    credentials = {role: [{"accessKey": access, "secretKey": secret}] for role, (access, secret) in keys.items()}
    identities: list[dict[str, Any]] = [
        {"name": role, "credentials": credentials[role], "policyNames": [role]} for role in ROLES
    ]
    identities.append({"name": "admin", "credentials": credentials["admin"], "actions": ["Admin"]})
    policies = [{"name": role, "content": policy(role)} for role in ROLES]
    file = folder / "identities.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"identities": identities, "policies": policies}))
    ports = servers.seaweed_ports()
    command = servers.seaweed_command(folder / "s3", ports, BUCKET, file)
    with servers.Server("S3", command, folder / "log", servers.seaweed_environment()) as running:
        running.wait_until(servers.seaweed_ready(ports, BUCKET, *keys["admin"]), seconds=300)
        found = Server(f"http://{servers.HOST}:{ports['s3']}", keys)
        for name in [*(f"{PREFIX}/{name}" for name, _, _ in WRITERS), OUTSIDE]:
            found.client("admin").put_object(Bucket=BUCKET, Key=name, Body=b"before")
        yield found


def policy(role: str) -> str:
    return (FOLDER / f"{role}.json").read_text(encoding="utf-8").replace("BUCKET", BUCKET).replace("PREFIX", PREFIX)


def may(call: Callable[[], object]) -> bool:
    try:
        call()
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied", error
        return False
    return True


@pytest.mark.parametrize("role", ROLES)
def test_a_role_writes_and_deletes_only_its_own_names(server: Server, role: str) -> None:
    s3 = server.client(role)
    for name, writers, deleters in WRITERS:
        key = f"{PREFIX}/{name}"
        assert may(lambda key=key: s3.get_object(Bucket=BUCKET, Key=key)), name  # type: ignore[misc]
        assert may(lambda key=key: s3.put_object(Bucket=BUCKET, Key=key, Body=b"after")) is (role in writers), name  # type: ignore[misc]
        begun = may(lambda key=key: s3.create_multipart_upload(Bucket=BUCKET, Key=key))  # type: ignore[misc]
        assert begun is (role in writers), name
        deleted = may(lambda key=key: s3.delete_object(Bucket=BUCKET, Key=f"{key}.other"))  # type: ignore[misc]
        # A file beside it: the others still need this one.
        assert deleted is (role in deleters), name


@pytest.mark.parametrize("role", ROLES)
def test_a_role_touches_nothing_outside_the_store(server: Server, role: str) -> None:
    s3 = server.client(role)
    for call in (
        lambda: s3.get_object(Bucket=BUCKET, Key=OUTSIDE),
        lambda: s3.put_object(Bucket=BUCKET, Key=OUTSIDE, Body=b""),
        lambda: s3.delete_object(Bucket=BUCKET, Key=OUTSIDE),
        lambda: s3.copy_object(Bucket=BUCKET, Key=f"{PREFIX}/ledger/x", CopySource=f"{BUCKET}/{OUTSIDE}"),
        lambda: s3.create_bucket(Bucket="another"),
        lambda: s3.delete_bucket(Bucket=BUCKET),
        lambda: s3.put_bucket_policy(Bucket=BUCKET, Policy=policy(role)),
    ):
        assert not may(call)


def test_only_the_promoter_decides_and_everybody_reads_the_ledger(server: Server) -> None:
    for name in (paths.decision(1), paths.decision_copy(1)):
        server.client("admin").delete_object(Bucket=BUCKET, Key=f"{PREFIX}/{name}")
    for role in ("trainer", "scorer", "service", "reader"):
        with pytest.raises(MeliError):
            promote(Ledger(server.store(role)), "mlp")
    promote(Ledger(server.store("promoter")), "mlp")
    for role in ROLES:
        champion = Ledger(server.store(role)).champion()
        assert champion and champion.set_name == "mlp"
