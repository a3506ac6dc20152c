"""What each word of a title contributes, which words are known, and no guess without a known word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from meli_tasks.prediction.explain import MOST_EFFECTS, Known, explain
from meli_tasks.stages.files.model_files import load_model
from meli_tasks.store.file import FileStore
from tests.past_run import CATEGORIES, PastRun

if TYPE_CHECKING:
    from meli_tasks.core.models.ensemble import Classifier


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """Knows celular, perfume and zapatillas."""
    folder = tmp_path_factory.mktemp("explain")
    PastRun(FileStore(folder / "store"), accuracies={"mlp": 0.9}).with_real_model("mlp", folder / "model")
    return load_model(folder / "model")


def test_the_categories_are_those_of_the_model(classifier: Classifier) -> None:
    [found] = explain(classifier, ["Perfume Importado"], top=2)
    positions, probabilities = classifier.rank(["Perfume Importado"], top=2)
    assert [one.category for one in found.categories] == [CATEGORIES[place] for place in positions[0]]
    assert [one.probability for one in found.categories] == pytest.approx(probabilities[0].tolist())
    assert found.categories[0].category == "PERFUMES"


def test_an_effect_is_what_the_probability_loses_without_the_word(classifier: Classifier) -> None:
    title = "Celular Nuevo Perfume"
    [found] = explain(classifier, [title], top=1)
    best = CATEGORIES.index(found.categories[0].category)
    for place, word in enumerate(found.words):
        without = " ".join(piece for other, piece in enumerate(title.split()) if other != place)
        before, after = classifier.probabilities([title, without])[:, best]
        assert word.effect == pytest.approx(float(before - after), abs=1e-6)
    effects = [word.effect or 0.0 for word in found.words]
    assert effects[0 if best == 0 else 2] > 0.1  # the word for the predicted category
    assert effects[2 if best == 0 else 0] < -0.1  # the one that speaks against it


def test_words_are_known_unknown_or_none_at_all(classifier: Classifier) -> None:
    [found] = explain(classifier, ["PERFUME - importado"], top=1)
    assert [(word.text, word.known) for word in found.words] == [
        ("PERFUME", Known.WORD), ("-", Known.IGNORED), ("importado", Known.NOTHING),
    ]  # fmt: skip
    assert found.words[1].effect == 0.0


@pytest.mark.parametrize("title", ["asdkjh qwe zzz", "-", "   "])
def test_without_a_known_word_there_is_no_guess(title: str, classifier: Classifier) -> None:
    [found] = explain(classifier, [title], top=5)
    assert (found.known, found.categories) == (False, ())
    assert {word.effect for word in found.words} <= {None}
    assert [word.text for word in found.words] == title.split()


def test_effects_can_be_left_out_and_are_bounded(classifier: Classifier) -> None:
    long = " ".join(["perfume"] * (MOST_EFFECTS + 5))
    [without] = explain(classifier, [long], top=1, effects=False)
    assert {word.effect for word in without.words} == {None}
    [found] = explain(classifier, [long], top=1)
    assert [word.effect is None for word in found.words] == [False] * MOST_EFFECTS + [True] * 5
    assert np.isclose(found.categories[0].probability, without.categories[0].probability)


def test_each_title_is_explained_for_itself(classifier: Classifier) -> None:
    titles = ["perfume", "qwe", "celular"]
    found = explain(classifier, titles, top=1)
    assert [one.title for one in found] == titles
    assert [one.categories[0].category if one.known else "" for one in found] == ["PERFUMES", "", "CELLPHONES"]
