from __future__ import annotations

import pytest

from meli_tasks.store import Store, open_store, probe
from meli_tasks.store.file import FileStore
from tests.servers import S3Server

ALL = ["write and read", "list", "conditional create", "conditional replace", "large file", "delete"]


class ForgetfulStore(FileStore):
    """A stand-in for the S3 look-alikes that take a condition and overwrite all the same."""

    def write(self, name: str, data: bytes, *, if_absent: bool = False, if_version: str | None = None) -> str:
        return super().write(name, data)


def test_a_good_folder_passes_and_keeps_nothing(file_store: Store) -> None:
    checks = probe(file_store)
    assert [(check.name, check.ok, check.advice) for check in checks] == [(name, True, "") for name in ALL]
    assert list(file_store.names("")) == []


@pytest.mark.integration
def test_a_good_s3_server_passes_and_keeps_nothing(s3_store: Store) -> None:
    checks = probe(s3_store)
    assert [(check.name, check.ok, check.advice) for check in checks] == [(name, True, "") for name in ALL]
    assert list(s3_store.names("")) == []


def test_a_store_that_ignores_conditions_is_found_out(file_store: Store) -> None:
    assert isinstance(file_store, FileStore)
    checks = {check.name: check for check in probe(ForgetfulStore(file_store.folder))}
    assert [name for name, check in checks.items() if not check.ok] == ["conditional create", "conditional replace"]
    assert checks["conditional create"].observed == "the second create of one name was accepted"
    assert "If-None-Match" in checks["conditional create"].advice
    assert "If-Match" in checks["conditional replace"].advice


@pytest.mark.integration
def test_a_read_only_key_fails_the_first_check_and_no_more_is_tried(
    s3_server: S3Server, s3_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.reader_environment.items():
        monkeypatch.setenv(name, value)
    (check,) = probe(open_store(s3_store.url))
    assert (check.name, check.ok) == ("write and read", False)
    assert "may not write to the bucket" in check.observed
    assert check.advice


@pytest.mark.integration
def test_a_bucket_that_is_not_there_fails_the_first_check(s3_store: Store) -> None:
    (check,) = probe(open_store("s3://nowhere"))
    assert "There is no such bucket" in check.observed
