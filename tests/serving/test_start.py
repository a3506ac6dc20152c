"""What keeps the service from starting is said in a sentence, and by the exit code."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.cli.program import meli


@pytest.mark.parametrize(
    ("host", "code", "sentence"),
    [
        ("127.0.0.1", 2, "Another program, or another `meli serve`, may have the port"),
        ("0.0.0.0", 1, "lets other machines connect, but there is no API key"),
    ],
)
def test_a_service_that_cannot_start_says_why(tmp_path: Path, host: str, code: int, sentence: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1] if host == "127.0.0.1" else 0
        settings = {"MELI_STORE": (tmp_path / "store").as_uri(), "MELI_HOME": str(tmp_path), "COLUMNS": "400"}
        ended = meli("serve", "--host", host, "--port", str(port), cwd=tmp_path, **settings)
    assert ended.returncode == code
    assert sentence in " ".join(ended.stderr.split())
