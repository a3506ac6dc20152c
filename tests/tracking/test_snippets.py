"""The Python in the documents runs as it is pasted, after `make demo`, in the checkout."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meli_tasks.store import Store
from meli_tasks.tracking.registry import Registry
from tests import waiting
from tests.test_docs import DOCUMENTS, ROOT, name_of, text_of
from tests.tracking.promotions import past_run, promote

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

    from tests import servers

pytestmark = pytest.mark.integration

SNIPPET = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SNIPPETS = [(name_of(document), code) for document in DOCUMENTS for code in SNIPPET.findall(text_of(document))]


@pytest.mark.parametrize(("document", "code"), SNIPPETS)
def test_a_snippet_runs_as_pasted(
    document: str,
    code: str,
    client: MlflowClient,  # it removes the registered model of another test's store
    registry: Registry,
    file_store: Store,
    tmp_path: Path,
    mlflow_server: servers.MlflowServer,
) -> None:
    promote(registry, past_run(file_store, tmp_path), "mlp")
    written = tmp_path / ".meli" / "environment"  # as the demo's stack does
    written.parent.mkdir()
    settings = f"MELI_STORE={file_store.url}\nMLFLOW_TRACKING_URI={mlflow_server.url}\n"
    written.write_text(settings, encoding="utf-8")
    ours = ("MELI_", "MLFLOW_", "AWS_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = waiting.run([sys.executable, "-c", code], cwd=tmp_path, env=environment | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, f"{document}: {done.stderr}"
    defines_a_dag = "airflow" in code  # it displays nothing until Airflow runs it
    assert done.stdout.strip() or defines_a_dag, "a snippet displays what it found"


def test_the_readme_has_a_snippet() -> None:
    assert "README.md" in {document for document, _ in SNIPPETS}
