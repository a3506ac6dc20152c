"""The stage ensemble on listings and models written here: what it chooses, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meli_tasks.core import stage_parameters
from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models.ensemble import Ensemble, fit_mixture_weights
from meli_tasks.core.models.networks import build
from meli_tasks.core.text.encoder import Encoder
from meli_tasks.stages import ensemble
from meli_tasks.stages.files.model_files import MemberFiles, load_model, write_ensemble, write_model
from meli_tasks.stages.hooks import Hooks
from meli_tasks.stages.summaries import EnsembleSummary

WORDS = ["funda", "taza", "mesa", "zapatilla"]
CATEGORIES = ["COVERS", "MUGS", "TABLES", "SHOES"]


def model(folder: Path, knows: str, categories: list[str] | None = None, words: list[str] | None = None) -> Path:
    """A model that is sure of the words in `knows`, and of the others knows nothing."""
    words, categories = words or WORDS, categories or CATEGORIES
    encoder = Encoder("default", words, [], np.empty(0, np.float32), (1, 2), (2, 5), 20)
    network = build(Train(architecture="mlp", hidden=(), dropout=0), (len(words) + 2, len(WORDS)), 0, len(categories))
    vectors = np.zeros((len(words) + 2, len(WORDS)), np.float32)
    output = np.zeros((len(categories), len(WORDS)), np.float32)
    for word in knows.split():
        vectors[words.index(word) + 2, WORDS.index(word)] = 1
    for place, name in enumerate(categories):
        if name in CATEGORIES:
            output[place, CATEGORIES.index(name)] = 4
    network.words.weight.data.copy_(network.words.weight.data.new_tensor(vectors))
    network.out.weight.data.copy_(network.out.weight.data.new_tensor(output))
    network.out.bias.data.zero_()
    folder.mkdir()
    write_model(folder, network, encoder, categories)
    return folder


@pytest.fixture
def listings(tmp_path: Path) -> Path:
    """100 validation titles, and one whose category no model knows."""
    titles = [word for word in WORDS for _ in range(25)]
    categories = [name for name in CATEGORIES for _ in range(25)]
    # One title in five says nothing of its category, so that nobody is right for certain.
    titles = [title if row % 5 else WORDS[row % 4] for row, title in enumerate(titles)]
    columns = {
        "title": [*titles, "funda", "train me"],
        "category": [*categories, "LAMPS", "COVERS"],
        "split": ["validation"] * 101 + ["train"],
    }
    folder = tmp_path / "ingest"
    folder.mkdir()
    pq.write_table(pa.table(columns), folder / "listings.parquet")
    return folder


def run(listings: Path, models: dict[str, Path], **params: Any) -> tuple[EnsembleSummary, Path]:
    out = listings.parent / "out"
    out.mkdir()
    inputs = {"ingest": listings, **{f"model:{name}": folder for name, folder in models.items()}}
    return ensemble.run(inputs, out, stage_parameters.Ensemble.model_validate(params), Hooks()), out


def test_two_that_know_different_things_are_better_together(listings: Path, tmp_path: Path) -> None:
    models = {"left": model(tmp_path / "left", "funda taza"), "right": model(tmp_path / "right", "mesa zapatilla")}
    summary, out = run(listings, models)
    assert summary.offered and summary.gain > 0.2
    assert summary.weights == {"left": pytest.approx(0.5, abs=0.1), "right": pytest.approx(0.5, abs=0.1)}
    assert (summary.validation_titles, summary.unknown_titles) == (100, 1)
    assert EnsembleSummary.model_validate_json((out / "choice.json").read_bytes()) == summary
    made = load_model(out)
    assert isinstance(made, Ensemble)
    assert made.categories == CATEGORIES
    assert [made.categories[place] for place in made.rank(WORDS, top=1)[0][:, 0]] == CATEGORIES
    stored = json.loads((out / "model.json").read_text())["ensemble"]
    assert dict(zip(stored["members"], stored["weights"], strict=True)) == summary.weights


def test_what_is_stored_answers_as_the_members_do(listings: Path, tmp_path: Path) -> None:
    models = {"left": model(tmp_path / "left", "funda taza"), "right": model(tmp_path / "right", "mesa zapatilla")}
    summary, out = run(listings, models)
    expected = sum(
        load_model(folder).probabilities(WORDS) ** summary.inverse_temperatures[name]
        / (load_model(folder).probabilities(WORDS) ** summary.inverse_temperatures[name]).sum(axis=1, keepdims=True)
        * summary.weights[name]
        for name, folder in models.items()
    )
    np.testing.assert_allclose(load_model(out).probabilities(WORDS), expected, atol=1e-5)


def test_one_that_knows_all_the_other_does_needs_nobody(listings: Path, tmp_path: Path) -> None:
    models = {"all": model(tmp_path / "all", "funda taza mesa zapatilla"), "some": model(tmp_path / "some", "funda")}
    summary, out = run(listings, models)
    assert not summary.offered
    assert summary.reason == "no ensemble: all alone is the best mean of 2 models"
    assert [path.name for path in out.iterdir()] == ["choice.json"]


def test_a_mean_that_is_right_where_its_best_member_is_needs_no_place(listings: Path, tmp_path: Path) -> None:
    everything = "funda taza mesa zapatilla"
    models = {"one": model(tmp_path / "one", everything), "other": model(tmp_path / "other", everything)}
    summary, out = run(listings, models)
    assert summary.gain == 0
    assert not summary.offered and "is right on the same titles as other" in summary.reason
    assert not (out / "model.json").exists()


def test_few_titles_do_not_say_by_how_much_one_is_better(listings: Path, tmp_path: Path) -> None:
    models = {"most": model(tmp_path / "most", "funda taza mesa"), "some": model(tmp_path / "some", "zapatilla taza")}
    weights = run(listings, models)[0].weights
    classifiers = {name: load_model(folder) for name, folder in models.items()}
    validation = ensemble._read_validation(listings / "listings.parquet", sorted(CATEGORIES), 1_000)
    validated = [ensemble._validate(name, one, validation) for name, one in classifiers.items()]
    likeliest = fit_mixture_weights(np.stack([one.likelihoods for one in validated], axis=1), validation.weights, 4)
    assert 0.5 <= weights["most"] < likeliest[0] - 0.02


@pytest.mark.parametrize(("won", "lost", "offered"), [(1, 2, True), (0, 1, True), (1, 20, False), (0, 12, False)])
def test_a_mean_that_loses_a_title_by_chance_is_a_candidate_all_the_same(
    won: int, lost: int, offered: bool, listings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its members were chosen by likelihood; that it wins one title and loses two is chance, more is not."""
    models = {"left": model(tmp_path / "left", "funda taza"), "right": model(tmp_path / "right", "mesa zapatilla")}
    single = {name: load_model(folder) for name, folder in models.items()}

    def right(_: Ensemble, validation: ensemble.Validation) -> np.ndarray[Any, Any]:
        answers = {name: one.rank(validation.titles, top=1)[0][:, 0] for name, one in single.items()}
        known = {
            name: np.array([CATEGORIES[k] for k in found]) == np.array(validation.categories)[validation.labels]
            for name, found in answers.items()
        }
        right = max(known.values(), key=lambda right: (right.sum(), right is known["right"])).copy()
        gained = np.flatnonzero(~right)[:won]
        right[np.flatnonzero(right)[-lost:]] = False
        right[gained] = True
        return right

    monkeypatch.setattr(ensemble, "_right", right)
    summary, _ = run(listings, models)
    assert summary.gain < 0
    assert summary.offered is offered, summary.reason


def test_no_more_members_than_requested_and_the_same_each_time(listings: Path, tmp_path: Path) -> None:
    models = {word: model(tmp_path / word, word) for word in WORDS}
    summary, _ = run(listings, models, members=2)
    assert len(summary.weights) == 2
    (tmp_path / "out").rename(tmp_path / "before")
    assert run(listings, dict(reversed(models.items())), members=2)[0] == summary


def test_models_of_other_categories_and_words_go_together(listings: Path, tmp_path: Path) -> None:
    right = model(tmp_path / "right", "mesa zapatilla", ["SHOES", "TABLES", "SOFAS"], ["zapatilla", "mesa"])
    summary, out = run(listings, {"left": model(tmp_path / "left", "funda taza"), "right": right})
    assert summary.offered and summary.unknown_titles == 1
    made = load_model(out)
    assert set(made.categories) == {*CATEGORIES, "SOFAS"}
    assert [made.categories[place] for place in made.rank(WORDS, top=1)[0][:, 0]] == CATEGORIES
    assert len(json.loads((out / "model.json").read_text())["encoders"]) == 2


def test_an_encoder_that_members_share_is_stored_once(tmp_path: Path) -> None:
    folders = [model(tmp_path / name, "funda taza") for name in ("a", "b")]
    (tmp_path / "both").mkdir()
    write_ensemble(tmp_path / "both", [MemberFiles(folder.name, folder, 0.5, 1.0) for folder in folders])
    made = load_model(tmp_path / "both")
    assert isinstance(made, Ensemble)
    assert made.members[0].classifier.encoder is made.members[1].classifier.encoder


def test_of_many_titles_an_even_sample_is_used(listings: Path, tmp_path: Path) -> None:
    models = {"left": model(tmp_path / "left", "funda taza"), "right": model(tmp_path / "right", "mesa zapatilla")}
    summary, _ = run(listings, models, max_titles=40)
    assert summary.validation_titles == 40 and summary.offered


def test_what_cannot_be_weighed_says_why(listings: Path, tmp_path: Path) -> None:
    one = model(tmp_path / "one", "funda")
    with pytest.raises(BadData, match="at least two models; found: one"):
        run(listings, {"one": one})
    stranger = {name: model(tmp_path / name, "", ["X", "Y"]) for name in ("x", "y")}
    (tmp_path / "out").rmdir()
    with pytest.raises(BadData, match="none of 101 validation titles"):
        run(listings, stranger)


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    folders = [model(tmp_path / name, "funda taza") for name in ("a", "b")]
    out = tmp_path / "both"
    out.mkdir()
    write_ensemble(out, [MemberFiles(folder.name, folder, 0.5, 1.0) for folder in folders])
    (out / "model.safetensors").write_bytes((folders[0] / "model.safetensors").read_bytes())
    with pytest.raises(BadData, match="does not fit"):
        load_model(out)
    (out / "model.json").unlink()
    with pytest.raises(NotFound, match=r"model\.json is missing"):
        load_model(out)
