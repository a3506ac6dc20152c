"""The registered model checks that it loads what was promoted."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from meli_tasks.stages.files.digest import digest_of_folder
from meli_tasks.store import Store
from tests.past_run import PastRun

# On import MLflow warns about its own type hints.
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")


def load(folder: Path, model_config: dict[str, Any] | None) -> Any:
    from meli_tasks.tracking.pyfunc_model import RegisteredTitleClassifier

    model = RegisteredTitleClassifier()
    model.load_context(SimpleNamespace(artifacts={"model": str(folder)}, model_config=model_config))  # type: ignore[arg-type]
    return model


def test_a_title_without_a_known_word_has_no_category(file_store: Store, tmp_path: Path) -> None:
    PastRun(file_store).with_real_model("mlp", tmp_path / "model")
    found = load(tmp_path / "model", None).predict(None, ["perfume", "asdkjh qwe zzz", None])
    assert found["known"].tolist() == [True, False, False]
    assert found["category"].tolist() == ["PERFUMES", "", ""]
    assert found["probability"].isna().tolist() == [False, True, True]
    assert [len(ranked) for ranked in found["categories"]] == [len(ranked) for ranked in found["probabilities"]]
    assert found["categories"].tolist()[1:] == [[], []]


def test_the_files_that_were_promoted_are_loaded_and_no_others(file_store: Store, tmp_path: Path) -> None:
    run, folder = PastRun(file_store), tmp_path / "model"
    run.with_real_model("mlp", folder)
    digest = digest_of_folder(folder)
    assert digest == run.trainings["mlp"].model_sha256
    for config in ({"sha256": digest}, {}, None):  # a version of 0.1.0 has no digest
        assert len(load(folder, config).predict(None, ["perfume"])) == 1
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match="are not those of the promoted model"):
        load(folder, {"sha256": digest})
    weights.unlink()
    with pytest.raises(ValueError, match="their sha256 is missing"):
        load(folder, {"sha256": digest})
