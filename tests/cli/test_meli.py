"""What becomes of errors and signals: exit codes, one clear line, no traceback as the first thing a person reads."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.program import MELI, environment, here, meli


def test_our_errors_are_one_line_and_exit_code_one(tmp_path: Path) -> None:
    done = meli("champion", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("meli: MELI_STORE is not set")
    assert "Traceback" not in done.stderr


def test_debug_adds_the_traceback(tmp_path: Path) -> None:
    done = meli("--debug", "champion", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "BadSettings" in done.stderr


@pytest.mark.parametrize("value", ["1", "true", "yes", "on", "TRUE"])
def test_a_variable_that_is_on_adds_the_traceback(tmp_path: Path, value: str) -> None:
    assert "Traceback" in meli("champion", cwd=tmp_path, MELI_DEBUG=value).stderr


@pytest.mark.parametrize("value", ["0", "false", "no", "off", "False", ""])
def test_a_variable_that_is_off_adds_none(tmp_path: Path, value: str) -> None:
    done = meli("champion", cwd=tmp_path, MELI_DEBUG=value)
    assert done.stderr.startswith("meli: MELI_STORE is not set")
    assert "Traceback" not in done.stderr


def test_a_variable_that_is_neither_is_refused(tmp_path: Path) -> None:
    done = meli("champion", cwd=tmp_path, MELI_DEBUG="maybe")
    assert done.returncode == 2
    assert "MELI_DEBUG" in done.stderr


def test_a_home_that_is_empty_is_the_usual_one(tmp_path: Path) -> None:
    (tmp_path / ".meli").mkdir()
    (tmp_path / ".meli" / "environment").write_text("MELI_STORE=file:///the/demo\n")
    (tmp_path / "environment").write_text("MELI_STORE=file:///another/file\n")
    assert "file:///the/demo" in meli("champion", cwd=tmp_path, MELI_HOME="").stderr


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    done = meli("champion", cwd=tmp_path, MELI_SLOTS="many")
    assert done.returncode == 1
    assert "MELI_SLOTS='many'" in done.stderr


BROKEN = """
import sys
from meli_tasks.cli import main
from meli_tasks.settings import Settings
def fail(*arguments):
    raise RuntimeError("the sky fell on https://me:a-secret@host/sky.csv?sig=a-secret")
Settings.from_environment = fail
sys.argv[1:] = ["champion"]
main()
"""


def test_an_unexpected_error_leaves_its_traceback_in_a_file(tmp_path: Path) -> None:
    code = BROKEN
    done = subprocess.run(
        [MELI[0], "-c", code], env=environment(TMPDIR=str(tmp_path)), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("meli: Unexpected RuntimeError: the sky fell")
    assert "Traceback" not in done.stderr
    [file] = tmp_path.glob("meli-error-*.txt")
    assert str(file) in done.stderr
    assert "Traceback" in file.read_text() and "the sky fell" in file.read_text()
    assert "a-secret" not in file.read_text() + done.stderr
    assert file.stat().st_mode & 0o777 == 0o600 and not file.is_symlink()
    assert re.fullmatch(r"meli-error-\d{8}T\d{6}-\w{8}\.txt", file.name)  # nobody can put a link in its place before


def test_settings_of_the_demo_are_found_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / ".meli").mkdir()
    (tmp_path / ".meli" / "environment").write_text(
        f"# written by make demo\nMELI_STORE={(tmp_path / 'demo').as_uri()}\n"
    )
    assert "There was no champion yet in file://" in meli("champion", cwd=tmp_path).stderr
    other = (tmp_path / "other").as_uri()
    assert other in meli("champion", cwd=tmp_path, MELI_STORE=other).stderr


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{MELI[0]} -m meli_tasks.cli sets mlp | head -c 10 >/dev/null; echo ${{PIPESTATUS[0]}}",
        shell=True, executable="/bin/bash", env=environment(), cwd=tmp_path, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.stderr == ""


SLOW_MODEL = """
import sys, time
import numpy as np
from meli_tasks.cli import predict
class Slow:
    categories = ["A"]
    def rank(self, titles, top):
        print("working", flush=True)
        time.sleep(0.05)
        return np.zeros((len(titles), 1), int), np.ones((len(titles), 1), np.float32)
    def known(self, titles):
        return np.ones(len(titles), bool)
predict._classifier = lambda key, set_name: ("slow", Slow())
import meli_tasks.prediction.files
sys.argv[1:] = ["predict", "--input", "in.csv", "--output", "out.csv"]
from meli_tasks.cli import main
main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_no_half_output(tmp_path: Path, number: signal.Signals, code: int) -> None:
    (tmp_path / "in.csv").write_text("title\n" + "abc\n" * 2_000_000)
    process = subprocess.Popen(
        [MELI[0], "-c", SLOW_MODEL],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    assert [path.name for path in tmp_path.glob(".out.csv.*.part")]
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_sample_has_a_largest_size(tmp_path: Path) -> None:
    result = here("sample", "--rows", "9" * 30, "--output", str(tmp_path / "big.csv"))
    assert result.exit_code == 2
    assert list(tmp_path.iterdir()) == []
