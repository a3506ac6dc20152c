from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from meli_tasks.core.errors import DiskFull, MeliError, Rejected, Unreachable
from meli_tasks.disk import BUSY, FULL, UNAVAILABLE, atomic_write, disk_errors, explained, full_disk


@pytest.mark.parametrize("number", FULL)
def test_a_full_disk_says_how_much_is_free(number: int, tmp_path: Path) -> None:
    error = full_disk(OSError(number, os.strerror(number)), tmp_path / "absent" / "file")
    assert (
        isinstance(error, DiskFull)
        and error.retryable
        and "MB are free there" in str(error)
        and "MELI_CACHE" in str(error)
    )


@pytest.mark.parametrize(
    "words",
    [
        "Error while serializing: I/O error: No space left on device (os error 28)",  # safetensors
        "12345 requested and 234 written",  # numpy
        "Disk quota exceeded",
        "I/O error: Quota exceeded (os error 122)",
        "database or disk is full",  # sqlite3
        "[enforce fail at inline_container.cc:869] . PytorchStreamWriter failed writing file data/0: file write failed",
        "[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534",  # torch.save
    ],
)
def test_a_library_that_reports_a_full_disk_in_its_own_words(words: str, tmp_path: Path) -> None:
    assert full_disk(RuntimeError(words), tmp_path) is not None


def test_other_errors_are_not_a_full_disk(tmp_path: Path) -> None:
    assert full_disk(ValueError("no"), tmp_path) is None
    assert full_disk(OSError(errno.EACCES, "No space left on device"), tmp_path) is None


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_answer_of_the_system_is_one_of_our_errors(number: int, tmp_path: Path) -> None:
    with pytest.raises(MeliError) as caught, disk_errors(tmp_path):
        raise OSError(number, os.strerror(number))
    assert str(tmp_path) in str(caught.value)
    assert isinstance(caught.value, Unreachable) == (number in UNAVAILABLE | BUSY | FULL)


def test_an_error_without_a_number(tmp_path: Path) -> None:
    assert isinstance(explained(OSError("odd"), tmp_path), Rejected)


def test_a_file_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "file"
    with atomic_write(file) as part:
        part.touch(mode=0o600)
        part.write_text("new")
        assert not file.exists()
    assert file.read_text() == "new" and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), ValueError("no"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_what_was_there(error: BaseException, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    expected = DiskFull if isinstance(error, OSError) else type(error)
    with pytest.raises(expected), atomic_write(file) as part:
        part.write_text("half")
        raise error
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]
