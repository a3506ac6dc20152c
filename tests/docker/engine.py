"""A Docker engine to test on: the one that answers, else one of our own in a network and mount namespace of its own.

Our own keeps everything in one folder and ends with the test. The addresses that it publishes exist only inside its
network namespace, so `entered` takes the calling thread there.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

OWN_ENGINE = {
    "dockerd": "docker.io", "containerd": "containerd", "runc": "runc", "iptables": "iptables", "ip": "iproute2",
    "slirp4netns": "slirp4netns", "docker-init": "tini", "mmdebstrap": "mmdebstrap",
}  # fmt: skip
CLONE_NEWNET = 0x40000000
SECONDS_TO_START = 60.0


@dataclass(frozen=True)
class Engine:
    """A running engine: the environment in which its clients find it, and the process whose network it is in."""

    environment: dict[str, str] = field(repr=False)
    process: int | None = None

    @property
    def own(self) -> bool:
        """Whether it is ours alone, and ends with the test."""
        return self.process is not None

    def docker(self, *arguments: str, check: bool = True, seconds: float = 600) -> str:
        """What a docker command writes. Errors: CalledProcessError, TimeoutExpired."""
        return run([client(), *arguments], self.environment, check=check, seconds=seconds)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """A stretch in which this thread's connections, and its children's, start inside the engine's network."""
        if self.process is None:
            yield
            return
        with ExitStack() as stack:
            outside = stack.enter_context(Path("/proc/thread-self/ns/net").open("rb"))
            inside = stack.enter_context(Path(f"/proc/{self.process}/ns/net").open("rb"))
            _set_network(inside.fileno())
            stack.callback(lambda: _set_network(outside.fileno()))
            yield


def run(command: list[str], environment: dict[str, str], *, check: bool = True, seconds: float = 600) -> str:
    """What a command writes to both of its outputs. Errors: AssertionError with that, when it fails and may not."""
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0 or not check, f"{' '.join(command)}: {done.returncode}\n{done.stdout[-6000:]}"
    return done.stdout


def client() -> str:
    """A docker client that can build with BuildKit: before version 23 it is built in, since then it is a plug-in."""
    found = [Path(folder, "docker") for folder in os.environ["PATH"].split(os.pathsep)]
    for docker in filter(Path.exists, found):
        version = subprocess.run(
            [docker, "version", "--format", "{{.Client.Version}}"], capture_output=True, text=True, check=False
        )
        buildx = subprocess.run([docker, "buildx", "version"], capture_output=True, check=False)
        if buildx.returncode == 0 or int(version.stdout.split(".")[0] or "99") < 23:
            return str(docker)
    raise AssertionError("No docker client with BuildKit is on the PATH: install docker with its plug-in buildx.")


@contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    """The engine that answers here, else one of our own in `folder`.

    Errors: AssertionError, with what to install, when there is none and none can be started.
    """
    environment = dict(os.environ)
    found = shutil.which("docker")
    if found and subprocess.run([found, "info"], env=environment, capture_output=True, check=False).returncode == 0:
        yield Engine(environment)
        return
    missing = sorted({package for program, package in OWN_ENGINE.items() if not shutil.which(program)})
    assert os.geteuid() == 0, "No Docker engine answers, and only root can start one: start Docker, or set DOCKER_HOST."
    assert not missing, f"No Docker engine answers. To start one here: apt-get install {' '.join(missing)}"
    with _own(folder) as own:
        yield own


@contextmanager
def _own(folder: Path) -> Iterator[Engine]:
    folder.mkdir(parents=True)
    socket = folder / "docker.sock"
    daemon = (
        f"exec dockerd --data-root {folder}/data --exec-root {folder}/exec --host unix://{socket} "
        f"--pidfile {folder}/docker.pid"
    )
    with (folder / "dockerd.log").open("wb") as log, ExitStack() as stack:
        # Its own mounts, so that a killed test leaves none; it waits for its network before it starts.
        prepared = f"mount --make-rprivate / && ip link set lo up && echo ready && read go && {daemon} >&2"
        dockerd = subprocess.Popen(
            ["unshare", "-n", "-m", "sh", "-c", prepared], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )
        stack.callback(lambda: [shutil.rmtree(folder / part, ignore_errors=True) for part in ("data", "exec")])
        stack.callback(lambda: _end(dockerd, 60))
        assert dockerd.stdin and dockerd.stdout
        with dockerd.stdout as told_by_it:
            assert told_by_it.readline() == b"ready\n", "no namespaces can be made here"
        ready, ready_fd = os.pipe()
        command = ["slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", f"--ready-fd={ready_fd}"]
        slirp = subprocess.Popen([*command, str(dockerd.pid), "tap0"], stdout=log, stderr=log, pass_fds=[ready_fd])
        stack.callback(lambda: _end(slirp, 10))
        os.close(ready_fd)
        assert os.read(ready, 1) == b"1", "slirp4netns could not make a network"
        os.close(ready)
        dockerd.stdin.write(b"go\n")
        dockerd.stdin.close()
        own = Engine({**os.environ, "DOCKER_HOST": f"unix://{socket}"}, dockerd.pid)
        _wait(lambda: not own.docker("info", check=False).count("Cannot connect"), dockerd, folder / "dockerd.log")
        yield own


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while not ready():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text(errors="replace")[-3000:]
        time.sleep(0.1)


def _end(process: subprocess.Popen[bytes], seconds: float) -> None:
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _set_network(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
