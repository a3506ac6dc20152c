"""What a process that was killed during an upload leaves in the store is removed; what others need is not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.artifacts.outputs import describe_file
from meli_tasks.core.errors import Rejected
from meli_tasks.execution.attempts import publish, upload
from meli_tasks.execution.checkpoints import StoredCheckpoints
from meli_tasks.execution.existing import Existing
from meli_tasks.execution.runner import Step
from meli_tasks.execution.stop_requests import StoredStopRequests
from meli_tasks.execution.uploading import noted, remove_abandoned
from meli_tasks.process_names import this_boot, this_process
from meli_tasks.store import Store
from meli_tasks.store.s3 import S3Store
from tests.pruning.memory import MemoryStore
from tests.store.test_s3_listing import flips

STEP = Step("train", "mlp", {"architecture": "mlp"})
ELSEWHERE = "00000000-1-1"
"""A process of another machine."""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    for file in ("a", "b"):
        (folder / file).write_text(file)
    return folder


def attempt(out: Path, name: str = "1" * 8) -> Manifest:
    outputs = {file: describe_file(out / file) for file in ("a", "b")}
    return Manifest(STEP.stage, STEP.key, STEP.params, {}, outputs, summary={}, attempt=name, about={})


@pytest.fixture
def ended() -> str:
    """The name of a process that has ended."""
    code = "from meli_tasks.process_names import this_process; print(this_process())"
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def note(store: Store, made: Manifest, process: str, boot: str = "") -> str:
    """A note that a process of this machine has left, or one of another machine, by the id of its start."""
    name = paths.uploading(made.stage, made.key, made.attempt, process)
    reading.write(store, name, json.dumps({"boot": boot or this_boot()}).encode())
    return name


def begin_upload(store: S3Store, name: str) -> None:
    """Begin an upload in parts, of which one is sent."""
    client, place = store._client, {"Bucket": store.bucket, "Key": store._key(name)}
    begun = client.create_multipart_upload(**place)
    client.upload_part(**place, UploadId=begun["UploadId"], PartNumber=1, Body=b"a part")


def write_state(path: Path) -> None:
    path.write_bytes(b"a state")


def names(store: Store) -> set[str]:
    return set(store.names(""))


def test_a_process_that_is_killed_during_an_upload_leaves_nothing_for_long(file_store: Store, tmp_path: Path) -> None:
    code = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from meli_tasks.execution.existing import Existing
        from meli_tasks.execution.uploading import noted
        from meli_tasks.store import open_store
        from tests.execution.test_uploading import attempt
        out = Path({str(tmp_path)!r}, "out")
        out.mkdir()
        for file in ("a", "b"):
            (out / file).write_text(file)
        store, sent = open_store({file_store.url!r}), []
        send = store.upload
        def upload(path, name):
            send(path, name)
            os.kill(os.getpid(), signal.SIGKILL)
        store.upload = upload
        made = attempt(out)
        with noted(store, made):
            Existing(None).publish(store, made, out)
    """)
    killed = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    kinds = sorted(name.split("/")[0] for name in names(file_store))
    assert kinds == ["train", "uploading"]
    remove_abandoned(file_store)
    assert names(file_store) == set()


def test_an_upload_that_ends_leaves_no_note(file_store: Store, out: Path) -> None:
    made = attempt(out)
    with noted(file_store, made):
        (begun,) = file_store.names(paths.UPLOADING)
        assert paths.parse_uploading(begun) == ("train", STEP.key, made.attempt, this_process())
        remove_abandoned(file_store)  # by another task, while this process runs
        assert list(file_store.names(paths.UPLOADING)) == [begun]
        assert Existing(None).publish(file_store, made, out) == made
    assert names(file_store) == {made.name, made.file_name("a"), made.file_name("b")}


def test_a_store_that_refuses_notes_takes_artifacts(
    file_store: Store, out: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write = file_store.write

    def refuse(name: str, data: bytes, **options: bool) -> str:
        if name.startswith(paths.UPLOADING):
            raise Rejected("uploading/ is forbidden")
        return write(name, data, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(file_store, "write", refuse)
    made = attempt(out)
    with noted(file_store, made):
        assert Existing(None).publish(file_store, made, out) == made
    assert names(file_store) == {made.name, made.file_name("a"), made.file_name("b")}
    assert "uploading/ is forbidden" in caplog.text


@pytest.mark.parametrize("forced_again", [False, True])
def test_what_was_published_stays(file_store: Store, out: Path, ended: str, forced_again: bool) -> None:
    made = attempt(out)
    upload(file_store, made, out)
    publish(file_store, made)
    if forced_again:
        other = replace(made, attempt="2" * 8)
        assert Existing(made).publish(file_store, other, out) == other
    before = names(file_store)
    # Killed after its manifest was written, and before what the training run no longer needs was deleted.
    file_store.write(paths.newest_checkpoint(made.stage, made.key), b"{}")
    file_store.write(f"{paths.checkpoints(made.stage, made.key)}0-1", b"a state")
    file_store.write(paths.stop_request(made.stage, made.key), b"{}")
    note(file_store, made, ended)
    remove_abandoned(file_store)
    assert names(file_store) == before


def test_the_checkpoints_of_an_unfinished_training_run_stay(file_store: Store, out: Path, ended: str) -> None:
    made = attempt(out)
    state = paths.newest_checkpoint(made.stage, made.key)
    file_store.write(state, b"{}")
    upload(file_store, made, out)
    note(file_store, made, ended)
    remove_abandoned(file_store)
    assert names(file_store) == {state}


def test_the_states_of_somebody_who_trains_the_key_again_stay(file_store: Store, out: Path, ended: str) -> None:
    made = attempt(out)
    upload(file_store, made, out)
    publish(file_store, made)
    written = note(file_store, made, ended)
    running = StoredCheckpoints(file_store, made.stage, made.key, out)
    running.save(write_state)
    request = StoredStopRequests(file_store, made.stage, made.key, "running")
    request.request("ana")
    remove_abandoned(file_store)
    assert file_store.size(written) is None
    assert running.newest() is not None
    assert request.requested_by()


@pytest.mark.parametrize("same_name", [False, True])
def test_the_files_of_another_machine_stay(file_store: Store, out: Path, ended: str, same_name: bool) -> None:
    made = attempt(out)
    upload(file_store, made, out)
    if same_name:  # two machines of one host name, whose processes have the same namespace
        note(file_store, made, ended, boot="another machine's")
    else:
        note(file_store, made, ELSEWHERE)
    before = names(file_store)
    remove_abandoned(file_store)
    assert names(file_store) == before


def test_a_flipped_bit_in_a_listing_removes_no_file(out: Path, monkeypatch: pytest.MonkeyPatch, ended: str) -> None:
    store = MemoryStore()
    made = attempt(out)
    upload(store, made, out)
    running = note(store, made, this_process())
    before, tried = names(store), 0
    for altered in [*flips(running), paths.uploading(made.stage, made.key, made.attempt, ended)]:
        with monkeypatch.context() as patched:
            listed = [replace(each, name=altered) for each in store.objects(paths.UPLOADING)]
            patched.setattr(store, "objects", lambda prefix, listed=listed: listed)
            remove_abandoned(store)
        assert names(store) == before, altered
        tried += 1
    assert tried > 100


def test_files_that_may_not_be_deleted_are_reported_a_single_time(
    file_store: Store, out: Path, ended: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = attempt(out)
    upload(file_store, made, out)
    note(file_store, made, ended)
    delete = file_store.delete

    def refuse(name: str) -> None:
        if name.startswith("train/"):
            raise Rejected("train/ is forbidden")
        delete(name)

    monkeypatch.setattr(file_store, "delete", refuse)
    remove_abandoned(file_store)
    assert "`meli prune` must remove what a killed task left of train/" in caplog.text
    caplog.clear()
    remove_abandoned(file_store)
    assert caplog.text == ""


@pytest.mark.integration
def test_an_interrupted_upload_in_parts_is_aborted_too(s3_store: S3Store, out: Path, ended: str) -> None:
    made = attempt(out)
    begin_upload(s3_store, made.file_name("b"))
    begin_upload(s3_store, "train/another/11111111/b")
    note(s3_store, made, ended)
    remove_abandoned(s3_store)
    assert [each.name.rpartition("train/")[2] for each in s3_store.leftovers()] == ["another/11111111/b"]
    assert names(s3_store) == set()
