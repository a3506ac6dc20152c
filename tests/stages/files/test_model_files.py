"""Files of a model that are not there, or do not belong together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.stages import train
from meli_tasks.stages.files.model_files import MemberFiles, load_model, write_ensemble
from meli_tasks.stages.hooks import Hooks
from tests.stages.small_titles import params_of, prepared


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    return prepared(tmp_path)


def test_an_empty_folder_is_not_a_model(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"model\.json is missing"):
        load_model(tmp_path)


def test_weights_of_another_model_are_rejected(inputs: dict[str, Path], tmp_path: Path) -> None:
    folders = [tmp_path / "narrow", tmp_path / "wide"]
    for folder, width in zip(folders, (4, 8), strict=True):
        folder.mkdir()
        train.run(inputs, folder, params_of(epochs=1, hidden=(width,)), Hooks())
    (folders[0] / "model.safetensors").write_bytes((folders[1] / "model.safetensors").read_bytes())
    with pytest.raises(BadData, match=r"does not fit model\.json"):
        load_model(folders[0])


@pytest.mark.parametrize("damage", ["other n-grams", "cut short"])
def test_files_that_do_not_belong_together_are_bad_data(inputs: dict[str, Path], tmp_path: Path, damage: str) -> None:
    train.run(inputs, tmp_path, params_of(epochs=1, ngram_dimensions=4), Hooks())
    weights, described = tmp_path / "model.safetensors", tmp_path / "model.json"
    if damage == "cut short":
        weights.write_bytes(weights.read_bytes()[:-100])
    else:
        model = json.loads(described.read_text())
        model["encoder"]["ngrams"].pop()
        described.write_text(json.dumps(model))
    with pytest.raises(BadData, match=r"does not fit model\.json"):
        load_model(tmp_path)


def test_an_ensemble_with_the_former_key_of_its_temperatures_is_read(inputs: dict[str, Path], tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "both")]
    for seed, folder in enumerate(folders):
        folder.mkdir()
        if folder.name != "both":
            train.run(inputs, folder, params_of(epochs=1, seed=seed), Hooks())
    members = [MemberFiles("a", folders[0], 0.25, 0.5), MemberFiles("b", folders[1], 0.75, 2.0)]
    write_ensemble(folders[2], members)
    titles = ["funda silicona", "taza roja"]
    expected = load_model(folders[2]).probabilities(titles)
    described = folders[2] / "model.json"
    model = json.loads(described.read_text())
    model["ensemble"]["sharpness"] = model["ensemble"].pop("inverse_temperatures")
    described.write_text(json.dumps(model))
    assert np.array_equal(load_model(folders[2]).probabilities(titles), expected)


@pytest.mark.parametrize("changes", [{}, {"architecture": "cnn", "filters": 4}, {"ngram_dimensions": 0}])
def test_a_model_for_few_titles_says_the_same(
    inputs: dict[str, Path], tmp_path: Path, changes: dict[str, object]
) -> None:
    train.run(inputs, tmp_path, params_of(**{"epochs": 1, "ngram_dimensions": 4, **changes}), Hooks())
    titles = ["funda silicona", "fundita xyzzy taza", "", "taza roja", "qwerty"]
    whole, few = load_model(tmp_path), load_model(tmp_path, for_few_titles=True)
    np.testing.assert_allclose(few.probabilities(titles), whole.probabilities(titles), atol=1e-6)
    for title in titles:
        np.testing.assert_allclose(few.probabilities([title]), whole.probabilities([title]), atol=1e-6)
    assert few.known(titles).tolist() == whole.known(titles).tolist()
