"""What another user of the machine gets from a server's ports: run by itself, as `nobody` if root runs the tests.

Prints JSON: for each port, what came back to which request. It has no secrets and no certificate of the server's.
"""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SECONDS = 10.0
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
PATHS = {
    "GET": (
        "/", "/status", "/dir/assign", "/dir/status", "/dir/lookup?volumeId=1", "/vol/status", "/cluster/status",
        "/stats/memory", "/metrics", "/buckets/meli/secret", "/buckets/meli/?pretty=y", "/1,01637037d6", "/api/config",
        "/meli", "/meli?list-type=2", "/meli/secret", "/healthz",
    ),
    "PUT": ("/meli/made", "/buckets/meli/made"),
    "POST": (
        "/meli/made", "/buckets/meli/made", "/submit", "/col/delete?collection=meli",
        "/?Action=CreateUser&UserName=eve",
    ),
    "DELETE": ("/meli/secret", "/buckets/meli/secret"),
}  # fmt: skip
SHELL = """
fs.ls /buckets/meli
fs.cat /buckets/meli/secret
s3.configure -user eve -access_key evesevesevesevesevs -secret_key eve -actions Admin -apply
s3.configure
volume.list
"""


def requests() -> list[bytes]:
    """A request each for every path, and the beginning of a gRPC connection."""
    lines = [(method, path) for method, paths in PATHS.items() for path in paths]
    made = [
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        for method, path in lines
    ]
    return [*(line.encode() for line in made), HTTP2]


def answer(port: int, request: bytes, context: ssl.SSLContext | None) -> str:
    """What a port sends back; an empty string if it breaks off."""
    try:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as plain:
            connection = context.wrap_socket(plain) if context else plain
            connection.sendall(request)
            received = b""
            while len(received) < 100_000 and (piece := connection.recv(65_536)):
                received += piece
                if request == HTTP2:
                    break
            return received.decode(errors="replace")
    except (OSError, ssl.SSLError):
        return ""


def contexts(folder: Path) -> dict[str, ssl.SSLContext | None]:
    """Without TLS, with TLS, and with a certificate of one's own."""
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.check_hostname, bare.verify_mode = False, ssl.CERT_NONE
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    own.check_hostname, own.verify_mode = False, ssl.CERT_NONE
    own.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return {"plain": None, "TLS": bare, "own certificate": own}


def shell(weed: str, ports: dict[str, int], folder: Path, *, certified: bool) -> subprocess.Popen[str]:
    """The server's own shell, which gets everything by gRPC."""
    options = [f"-config_dir={folder}"] if certified else []
    command = [weed, *options, "shell", f"-master=127.0.0.1:{ports['master']}", f"-filer=127.0.0.1:{ports['filer']}"]
    return subprocess.Popen(
        command, cwd=folder, env={"HOME": str(folder), "PATH": ""}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, errors="replace",
    )  # fmt: skip


def said(process: subprocess.Popen[str]) -> str:
    """What the shell says to the commands above."""
    try:
        return process.communicate(SHELL, SECONDS)[0]
    except subprocess.TimeoutExpired:  # it waits for a master that speaks to it
        process.kill()
        return process.communicate()[0]


def asked(port: int, certificates: Path) -> list[list[str]]:
    """Each request that a port answers, and the answer."""
    return [
        [f"{kind} {request.splitlines()[0].decode()}", text[:2_000]]
        for kind, context in contexts(certificates).items()
        for request in requests()
        if (text := answer(port, request, context))
    ]


def main(weed: str, ports: dict[str, int], certificates: Path) -> None:
    """Ask every port for everything."""
    with tempfile.TemporaryDirectory() as work, ThreadPoolExecutor() as threads:
        plain = threads.submit(said, shell(weed, ports, Path(work), certified=False))
        certified = threads.submit(said, shell(weed, ports, certificates, certified=True))
        found = {name: asked(port, certificates) for name, port in ports.items()}
        found |= {f"{name} gRPC": asked(port + 10_000, certificates) for name, port in ports.items()}
        found["shell"] = [["without a certificate", plain.result()], ["own certificate", certified.result()]]
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]), Path(sys.argv[3]))
