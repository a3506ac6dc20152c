"""The champion's version is loaded by the alias, by MLflow alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mlflow.tracking import MlflowClient

from meli_tasks.store import Store
from meli_tasks.tracking.registered_model import pip_requirements
from meli_tasks.tracking.registry import Registry
from tests import waiting
from tests.tracking.promotions import past_run, promote

if TYPE_CHECKING:
    from tests import servers

pytestmark = pytest.mark.integration


LOAD = """
import json, sys
import mlflow, numpy as np, pandas as pd
try:
    import meli_tasks
except ImportError:
    pass
else:
    raise SystemExit("meli_tasks must not be importable before the model is loaded")
model = mlflow.pyfunc.load_model("models:/meli-title-classifier@champion")
wide = model.predict(pd.DataFrame({"id": [1, 2], "title": ["celular barato", "zapatillas"]}))
texts = model.predict(["perfume", "PERFUME", ""], params={"top": 2})
kinds = model.predict(pd.DataFrame({" Title": [b"zapatillas", np.float32(0.1), "  perfume\\n", np.nan, 501, 1.0]}))
kinds_as_text = model.predict(["zapatillas", "0.1", "perfume", "", "501", "1.0"])
try:
    model.predict(pd.DataFrame({"titulo": ["x"]}))
except ValueError as error:
    refusal = str(error)
try:
    model.predict([["zapatillas"]])
except ValueError as error:
    refused_list = str(error)
print(json.dumps({"wide": wide.to_dict("list"), "texts": texts.to_dict("list"), "refusal": refusal,
    "refused_list": refused_list, "same": kinds.equals(kinds_as_text)}))
"""


def test_the_champion_loads_by_alias_where_the_project_is_not_installed(
    client: MlflowClient,
    registry: Registry,
    file_store: Store,
    tmp_path: Path,
    mlflow_server: servers.MlflowServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    promote(registry, past_run(file_store, tmp_path), "mlp")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    # An editable install would make the project importable; -S -s leave only what is put on the path here.
    packages = [path for path in sys.path if path.endswith("site-packages")]
    code = f"import sys; sys.path += {packages!r}\n{LOAD}"
    answer = waiting.run([sys.executable, "-S", "-s", "-c", code], cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout.splitlines()[-1])
    assert found["wide"]["category"] == ["CELLPHONES", "SNEAKERS"]
    assert found["wide"]["categories"][1][0] == "SNEAKERS"
    assert len(found["wide"]["categories"][0]) == 3
    assert found["texts"]["category"][:2] == ["PERFUMES", "PERFUMES"]
    assert [len(ranked) for ranked in found["texts"]["probabilities"]] == [2, 2, 0]
    assert found["texts"]["probability"][0] == found["texts"]["probabilities"][0][0] > 0.9
    assert found["texts"]["known"] == [True, True, False]
    assert found["refusal"] == "a column `title` is required, but the columns are titulo"
    assert found["refused_list"] == "titles are text, but the one at position 0 is a list: ['zapatillas']"
    assert found["same"]


def test_requirements_name_what_pip_can_find() -> None:
    assert all(requirement.count("==") == 1 and "+" not in requirement for requirement in pip_requirements())
    assert {"torch", "mlflow"} <= {requirement.partition("==")[0] for requirement in pip_requirements()}
