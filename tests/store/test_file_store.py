from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meli_tasks.core.errors import BadSettings, Conflict, DiskFull, Rejected
from meli_tasks.store import Store, open_store, probe
from tests.store.store_contract import StoreContract

PARTS = st.text(st.characters(exclude_categories=["C"], exclude_characters="/\\"), min_size=1, max_size=20).filter(
    lambda part: part not in (".", "..", ".store")
)
NAMES = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
NOBODY = 65534


class TestFileStore(StoreContract):
    @pytest.fixture
    def store(self, file_store: Store) -> Store:
        return file_store


@given(NAMES, st.binary(max_size=2_000))
def test_any_bytes_under_any_name_come_back(name: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder).as_uri())
        version = store.write(name, data, if_absent=True)
        blob = store.read(name)
        assert blob is not None
        assert (blob.data, blob.version) == (data, version)
        assert list(store.names("")) == [name]


@pytest.mark.parametrize(
    "url", ["", "store", "file://store", "file:///", "s3://", "/srv/store", "https://x/y", "s3://b?x=1"]
)
def test_a_url_that_means_nothing_is_refused_with_examples(url: str) -> None:
    with pytest.raises(BadSettings, match=r"s3://bucket/prefix or file:///"):
        open_store(url)


def test_a_url_with_escapes_is_the_folder_it_names(tmp_path: Path) -> None:
    folder = tmp_path / "São Paulo 100%"
    store = open_store(folder.as_uri())
    store.write("a", b"data")
    assert (folder / "a").read_bytes() == b"data"
    assert store.url == folder.as_uri()


def test_a_full_disk_is_said_and_leaves_nothing(
    file_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file_store.write("kept", b"old")
    (tmp_path / "source").write_bytes(b"data" * 1000)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match=r"store/kept.*MB are free there.*Free some"):
        file_store.write("kept", b"new")
    with pytest.raises(DiskFull, match="store/train/model"):
        file_store.upload(tmp_path / "source", "train/model")
    monkeypatch.undo()
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["source", "store/.store/lock", "store/kept"]
    assert (tmp_path / "store" / "kept").read_bytes() == b"old"


@contextmanager
def nobody() -> Iterator[None]:
    """Root may write everywhere, so in here root is somebody else."""
    user = os.geteuid()
    os.seteuid(NOBODY if user == 0 else user)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_folder_that_may_not_be_written_is_refused() -> None:
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path: only its owner gets there
        Path(folder).chmod(0o555)
        store = open_store(f"file://{folder}/store")
        with (
            nobody(),
            pytest.raises(Rejected, match=rf"{folder}/store.*permission denied.*Give this user the right"),
        ):
            store.write("a", b"")
        with nobody():
            (check,) = probe(store)
        assert not check.ok
        assert "permission denied" in check.observed


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"")
    store = open_store((tmp_path / "store").as_uri())
    assert store.read("a") is None
    with pytest.raises(Rejected, match="There is a file in the place of a folder"):
        store.write("a", b"")


def test_without_hard_links_one_create_still_wins(file_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def unable(*_: object) -> None:
        raise OSError(errno.EPERM, "no hard links on this file system")

    monkeypatch.setattr(os, "link", unable)
    file_store.write("a", b"first", if_absent=True)
    with pytest.raises(Conflict):
        file_store.write("a", b"second", if_absent=True)
    blob = file_store.read("a")
    assert blob is not None
    assert blob.data == b"first"


def test_two_processes_lose_no_increment(file_store: Store) -> None:
    program = (
        "import sys\n"
        "from meli_tasks.core.errors import Conflict\n"
        "from meli_tasks.store import open_store\n"
        "store = open_store(sys.argv[1])\n"
        "done = 0\n"
        "while done < 100:\n"
        "    blob = store.read('count')\n"
        "    try:\n"
        "        store.write('count', b'%d' % (int(blob.data) + 1), if_version=blob.version)\n"
        "        done += 1\n"
        "    except Conflict:\n"
        "        pass\n"
    )
    file_store.write("count", b"0")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", program, file_store.url]
    processes = [subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[2]) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    blob = file_store.read("count")
    assert blob is not None
    assert blob.data == b"200"


KILLED = """
import os, sys
from pathlib import Path
from meli_tasks.store import file, open_store
file.flush = lambda part: (print(flush=True), sys.stdin.read(), os._exit(9))
open_store(Path(sys.argv[1]).as_uri()).write("manifest.json", b"half")
"""


def test_a_write_of_a_killed_process_leaves_nothing_after_the_next_and_one_that_goes_on_is_left(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    store.write("first", b"")
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdin
        other.stdout.readline()
        open_store(tmp_path.as_uri()).write("second", b"")
        assert len(store.leftovers()) == 1  # its process is running
        other.stdin.close()
        other.wait()
    (tmp_path / ".store" / "parts" / ".of-another-version.0123.part").touch()
    open_store(tmp_path.as_uri()).write("third", b"")
    assert [Path(each.name).name for each in store.leftovers()] == [".of-another-version.0123.part"]
