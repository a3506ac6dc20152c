from __future__ import annotations

import json
import shutil
import stat
from collections import namedtuple
from dataclasses import asdict
from pathlib import Path

import pytest

from meli_tasks.core.errors import BadSettings, Conflict, Rejected
from meli_tasks.settings import Settings
from meli_tasks.stack import processes, services
from meli_tasks.stack.home import ADDED, CHECKOUT, Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.make()
    return made


def test_secrets_are_drawn_once_and_only_their_owner_reads_them(home: Home) -> None:
    drawn = home.secrets()
    assert home.secrets() == drawn
    assert stat.S_IMODE((home.root / "secrets.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700


def test_what_is_in_a_home_that_others_may_enter_is_for_its_owner_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "s3").mkdir(mode=0o755)  # by an earlier version
    Home(tmp_path).make()
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in tmp_path.iterdir()} == {0o700}
    assert (tmp_path / "s3") in tmp_path.iterdir()


def test_a_home_of_an_earlier_version_gets_the_secrets_that_it_lacks(home: Home) -> None:
    drawn = asdict(home.secrets())
    file = home.root / "secrets.json"
    file.write_text(json.dumps({name: value for name, value in drawn.items() if name not in ADDED}))
    found = asdict(home.secrets())
    assert {name: found[name] for name in found if name not in ADDED} == {
        name: drawn[name] for name in drawn if name not in ADDED
    }
    assert asdict(home.secrets()) == found and all(found[name] for name in ADDED)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_a_later_version_adds_to_the_secrets_is_ignored(home: Home) -> None:
    drawn = home.secrets()
    file = home.root / "secrets.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "added": "later"}))
    assert home.secrets() == drawn


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"{}", b"\xff", b'{"s3_access_key": "a"}'])
def test_damaged_secrets_are_named_and_not_drawn_anew(home: Home, content: bytes) -> None:
    (home.root / "secrets.json").write_bytes(content)
    with pytest.raises(BadSettings, match=r"secrets\.json is damaged"):
        home.secrets()
    assert (home.root / "secrets.json").read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"{}", b"\xff", b'{"mlflow": "a port"}'])
def test_damaged_records_and_ports_are_as_none(home: Home, content: bytes) -> None:
    (home.run / "mlflow.json").write_bytes(content)
    (home.root / "ports.json").write_bytes(content)
    assert processes.read(home, "mlflow") is None
    assert services._remembered(home) == {}


def test_a_record_of_a_later_version_is_still_a_process_to_stop(home: Home) -> None:
    record = processes.Record("mlflow", 1, "now", 5000, "f", "b")
    (home.run / "mlflow.json").write_text(json.dumps({**asdict(record), "added": "later"}))
    assert processes.read(home, "mlflow") == record


@pytest.mark.parametrize("nothing", ["", " "])
def test_a_home_that_is_named_by_nothing_is_the_usual_one(monkeypatch: pytest.MonkeyPatch, nothing: str) -> None:
    monkeypatch.setenv("MELI_HOME", nothing)
    assert Home.here().root == CHECKOUT / ".meli"


def test_two_homes_share_no_secret(tmp_path: Path) -> None:
    homes = [Home(tmp_path / name) for name in ("a", "b")]
    for each in homes:
        each.make()
    a, b = (vars(each.secrets()) for each in homes)
    assert all(a[name] != b[name] for name in a)


def test_what_is_remembered_is_what_the_command_line_reads(home: Home) -> None:
    home.write_environment({"MELI_STORE": "s3://meli/store", "AWS_SECRET_ACCESS_KEY": "a=b=c"})
    settings = Settings.from_environment({"MELI_HOME": str(home.root)})
    assert (settings.store, settings.secret_key) == ("s3://meli/store", "a=b=c")
    home.remove_environment()
    assert Settings.from_environment({"MELI_HOME": str(home.root)}).store == ""


def test_one_demo_at_a_time(home: Home) -> None:
    with home.locked(), pytest.raises(Conflict, match="Another demo is running"), home.locked():
        pass
    with home.locked():
        pass


def test_a_full_disk_is_told_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(100 * 2**20, 90 * 2**20, 10 * 2**20))
    with pytest.raises(Rejected, match=r"10 MB are free at .*home, and the demo needs 500"):
        Home(tmp_path / "home").make()


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadSettings, match=r"file.* cannot be written: .*MELI_HOME"):
        Home(tmp_path / "file" / "home").make()


def test_without_meli_home_it_is_in_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MELI_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert Home.here().root == CHECKOUT / ".meli"
    monkeypatch.setenv("MELI_HOME", "elsewhere")
    assert Home.here().root == tmp_path / "elsewhere"
