"""Models for a handful of titles are computed without torch: the same predictions of every kind of network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.core.models.numpy_networks import TOLERANCE
from meli_tasks.stages import train
from meli_tasks.stages.files.model_files import MemberFiles, load_model, write_ensemble
from meli_tasks.stages.files.numpy_model import load_numpy_model
from meli_tasks.stages.hooks import Hooks
from tests.stages.small_titles import params_of, prepared

TITLES = ["funda silicona", "fundita xyzzy taza", "", "taza roja taza", "qwerty", "Funda para taza roja de silicona 42"]

MLP: dict[str, object] = {"hidden": (8, 4)}
CNN: dict[str, object] = {"architecture": "cnn", "filters": 4, "filter_lengths": (1, 2, 5), "hidden": ()}
KINDS: dict[str, dict[str, object]] = {
    "mlp": MLP,
    "mlp, n-grams": {**MLP, "ngram_dimensions": 4},
    "mlp, no dense layer": {"hidden": (), "ngram_dimensions": 4},
    "mlp, sigmoid": {**MLP, "sigmoid_before_loss": True},
    "mlp, mean over padding": {**MLP, "mean_over_padding": True},
    "cnn": CNN,
    "cnn, n-grams": {**CNN, "ngram_dimensions": 4},
    "cnn, filters of n-grams": {**CNN, "ngram_dimensions": 4, "filter_ngrams": True},
    "cnn, max over padding": {**CNN, "max_over_padding": True},
    "trained word vectors": {**MLP, "word_vectors": "trained"},
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return prepared(tmp_path_factory.mktemp("titles"))


def trained(inputs: dict[str, Path], out: Path, **changes: object) -> Path:
    out.mkdir(exist_ok=True)
    train.run(inputs, out, params_of(**{"epochs": 2, "learning_rate": 0.05, **changes}), Hooks())
    return out


def assert_same(folder: Path) -> None:
    torchs, numpys = load_model(folder), load_numpy_model(folder)
    assert numpys is not None
    assert numpys.categories == torchs.categories
    np.testing.assert_allclose(numpys.probabilities(TITLES), torchs.probabilities(TITLES), atol=TOLERANCE, rtol=0)
    assert numpys.known(TITLES).tolist() == torchs.known(TITLES).tolist()
    (best, values), (expected, expected_values) = numpys.rank(TITLES, 2), torchs.rank(TITLES, 2)
    np.testing.assert_allclose(values, expected_values, atol=TOLERANCE, rtol=0)
    clear = expected_values[:, 0] - expected_values[:, 1] > 2 * TOLERANCE
    assert clear.any()
    assert best[clear, 0].tolist() == expected[clear, 0].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_in_numpy_predicts_as_in_torch(inputs: dict[str, Path], tmp_path: Path, kind: str) -> None:
    assert_same(trained(inputs, tmp_path, **KINDS[kind]))


def test_an_ensemble_in_numpy_predicts_as_in_torch(inputs: dict[str, Path], tmp_path: Path) -> None:
    kinds = ("mlp, n-grams", "cnn", "cnn, filters of n-grams")
    members = [trained(inputs, tmp_path / kind, **KINDS[kind]) for kind in kinds]
    both = tmp_path / "ensemble"
    both.mkdir()
    parts = zip(kinds, members, (0.5, 0.2, 0.3), (0.5, 1.0, 2.0), strict=True)
    write_ensemble(both, [MemberFiles(*part) for part in parts])
    assert_same(both)


def test_what_depends_on_more_than_the_title_is_left_to_torch(inputs: dict[str, Path], tmp_path: Path) -> None:
    assert load_numpy_model(trained(inputs, tmp_path / "a", dropout_at_evaluation=True)) is None
    older = trained(inputs, tmp_path / "b", mean_over_padding=True)
    described = json.loads((older / "model.json").read_text())
    (older / "model.json").write_text(json.dumps({**described, "padded_to": None}))
    assert load_numpy_model(older) is None


@pytest.mark.parametrize("damage", ["other weights", "other n-grams", "cut short", "no weights", "no description"])
def test_files_that_do_not_belong_together_are_refused(inputs: dict[str, Path], tmp_path: Path, damage: str) -> None:
    folder = trained(inputs, tmp_path / "model", ngram_dimensions=4)
    weights, described = folder / "model.safetensors", folder / "model.json"
    if damage == "other weights":
        other = trained(inputs, tmp_path / "other", ngram_dimensions=4, hidden=(3,))
        weights.write_bytes((other / weights.name).read_bytes())
    elif damage == "other n-grams":
        model = json.loads(described.read_text())
        model["encoder"]["ngrams"].pop()
        described.write_text(json.dumps(model))
    elif damage == "cut short":
        weights.write_bytes(weights.read_bytes()[:-100])
    else:
        (weights if damage == "no weights" else described).unlink()
    error, message = (NotFound, "is missing") if damage.startswith("no ") else (BadData, r"does not fit model\.json")
    with pytest.raises(error, match=message):
        load_numpy_model(folder)


def test_a_prediction_imports_neither_torch_nor_what_it_brings(inputs: dict[str, Path], tmp_path: Path) -> None:
    folder = trained(inputs, tmp_path, ngram_dimensions=4)
    script = (
        "import sys; from pathlib import Path; from meli_tasks.stages.files.numpy_model import load_numpy_model; "
        f"load_numpy_model(Path({str(folder)!r})).rank(['funda roja']); "
        "print({'torch', 'pandas', 'sklearn', 'scipy', 'gensim', 'pyarrow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "set()"), done.stderr
