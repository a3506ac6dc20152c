"""Another user of the machine reads, writes and makes nothing through any port of the demo's S3 server."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from meli_tasks.stack import s3_security, servers
from meli_tasks.store.s3_client import client
from tests import waiting

pytestmark = pytest.mark.integration

BUCKET, KEYS = "meli", ("k7c1d9e5a3b2f4d6e8a0", "s" * 20 + "9f8e7d6c5b4a39281706")
SECRET = b"only for whoever has the key"
REFUSED = tuple(f"HTTP/1.{minor} {status} " for minor in (0, 1) for status in (400, 403, 404, 405))
# Whether it is there, which says nothing about what is in it.
OPEN = ("/healthz", "/status")
OF_THE_SERVER = ("secret", "made", "eve", "DataCenter")


@contextmanager
def running(folder: Path, *, secured: bool) -> Iterator[tuple[dict[str, int], int]]:
    """An S3 server with a secret in it: its ports, and its process."""
    ports = servers.seaweed_ports()
    command = servers.seaweed_command(folder, ports, BUCKET)
    if not secured:
        command = [part for part in command if not part.startswith("-config_dir")]
    server = servers.Server("S3", command, folder / "log", servers.seaweed_environment(*KEYS))
    with server.start():
        server.wait_until(servers.seaweed_ready(ports, BUCKET, *KEYS), seconds=300)
        s3(ports).put_object(Bucket=BUCKET, Key="secret", Body=SECRET)
        yield ports, server.pid


def s3(ports: dict[str, int]):  # type: ignore[no-untyped-def]
    return client(f"http://{servers.HOST}:{ports['s3']}", access_key=KEYS[0], secret_key=KEYS[1])


def as_another_user(ports: dict[str, int]) -> dict[str, list[tuple[str, str]]]:
    """What another user gets: nobody, or, if the tests do not run as root, this one without any secret."""
    with TemporaryDirectory(prefix="meli-other-") as work:
        folder = Path(work)
        folder.chmod(0o755)
        s3_security.secure(folder / "own")  # certificates that look like the server's
        for path in (folder / "own", *(folder / "own").iterdir()):
            path.chmod(0o755)
        script = shutil.copy(Path(__file__).with_name("other_user.py"), folder)
        weed = shutil.copy(servers.seaweed_binary(), folder / "weed")
        nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
        python = Path(sys.executable).resolve()
        command = [*nobody, str(python), str(script), str(weed), json.dumps(ports), str(folder / "own")]
        done = waiting.run(command, cwd=work)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[tuple[str, str]]] = json.loads(done.stdout)
    return found


def taken(found: dict[str, list[tuple[str, str]]]) -> list[tuple[str, str, str]]:
    """The answers that are more than a refusal."""
    return [
        (port, request, answer[:300])
        for port, answers in found.items()
        for request, answer in answers
        if (any(word in answer for word in OF_THE_SERVER) if port == "shell" else not is_refused(request, answer))
    ]


def is_refused(request: str, answer: str) -> bool:
    return answer.startswith(REFUSED) or any(f" {path} " in request for path in OPEN)


def test_another_user_gets_nothing_and_changes_nothing(tmp_path: Path) -> None:
    with running(tmp_path, secured=True) as (ports, _):
        found = as_another_user(ports)
        assert taken(found) == []
        assert [each["Key"] for each in s3(ports).list_objects_v2(Bucket=BUCKET)["Contents"]] == ["secret"]
        assert s3(ports).get_object(Bucket=BUCKET, Key="secret")["Body"].read() == SECRET
        assert not any(SECRET.decode() in answer for answers in found.values() for _, answer in answers)


def test_without_certificates_another_user_gets_everything(tmp_path: Path) -> None:
    """So the requests above are those that matter."""
    with running(tmp_path, secured=False) as (ports, _):
        found = as_another_user(ports)
    ports_open = {port for port, _, _ in taken(found)}
    assert {"shell", "master gRPC", "filer gRPC", "volume gRPC"} <= ports_open
    shell = found["shell"][0][1]
    assert "secret" in shell and "eve" in shell


def test_it_listens_at_this_machines_own_address_only(tmp_path: Path) -> None:
    with running(tmp_path, secured=True) as (ports, pid):
        listening = [each.laddr for each in psutil.Process(pid).net_connections() if each.status == "LISTEN"]
    assert {address.ip for address in listening} == {servers.HOST}
    known = {*ports.values(), *(port + servers.GRPC_OFFSET for port in ports.values())}
    assert {address.port for address in listening} <= known


def test_only_the_owner_reads_the_certificates(tmp_path: Path) -> None:
    folder = s3_security.secure(tmp_path / "security")
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert files == dict.fromkeys(("authority.pem", "certificate.pem", "key.pem", "security.toml"), 0o600)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    s3_security.secure(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (folder / "certificate.pem").write_bytes(b"damaged")
    s3_security.secure(folder)
    assert (folder / "certificate.pem").read_bytes().startswith(b"-----BEGIN CERTIFICATE")


def test_the_script_of_the_image_becomes_its_command(tmp_path: Path) -> None:
    command = [
        sys.executable,
        s3_security.__file__,
        str(tmp_path / "made"),
        "sh",
        "-c",
        'ls "$0"',
        str(tmp_path / "made"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["authority.pem", "certificate.pem", "key.pem", "security.toml"]
