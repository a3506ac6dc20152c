"""From raw title to ranked categories."""

from __future__ import annotations

import numpy as np
import pytest

from meli_tasks.core.hyperparameters import Preprocess, Train
from meli_tasks.core.models.classifier import BATCH_SIZE, TitleClassifier
from meli_tasks.core.models.networks import build
from meli_tasks.core.text.encoder import tokenize
from tests.core.text.encoders import encoder_of

TITLES = ["Funda Silicona Iphone 11", "Zapatilla Running Hombre 42", "Capa Para Celular", "Mesa Ratona De Madera"]
CATEGORIES = ["CELLPHONE_COVERS", "COFFEE_TABLES", "SNEAKERS"]


@pytest.fixture(params=["mlp", "cnn"])
def classifier(request: pytest.FixtureRequest) -> TitleClassifier:
    encoder = encoder_of(
        tokenize(TITLES, "default"), Preprocess.model_validate({"max_ngrams": 100, "min_ngram_count": 1})
    )
    params = Train.model_validate({"architecture": request.param, "ngram_dimensions": 4, "filters": 5})
    network = build(params, (2 + len(encoder.words), 6), len(encoder.ngrams), len(CATEGORIES))
    return TitleClassifier(encoder, network, CATEGORIES)


def test_probabilities_sum_to_1_whatever_the_title(classifier: TitleClassifier) -> None:
    answer = classifier.probabilities([*TITLES, "", "🙂", "xyzzy " * 500])
    assert answer.shape == (7, 3) and answer.dtype == np.float32
    np.testing.assert_allclose(answer.sum(1), 1, rtol=1e-5)


def test_a_batch_gets_the_same_probabilities_as_single_titles(classifier: TitleClassifier) -> None:
    many = (TITLES * (BATCH_SIZE // len(TITLES) + 1))[: BATCH_SIZE + 3]
    answer = classifier.probabilities(many)
    alone = np.concatenate([classifier.probabilities([title]) for title in TITLES])
    np.testing.assert_allclose(answer[-4:], np.roll(alone, -3, axis=0)[:4], rtol=1e-4)
    np.testing.assert_allclose(answer[:4], alone, rtol=1e-4)


def test_rank_sorts_the_probabilities(classifier: TitleClassifier) -> None:
    indices, probabilities = classifier.rank(TITLES, top=2)
    everything = classifier.probabilities(TITLES)
    assert indices.shape == (4, 2) and indices.dtype == np.int64 and probabilities.dtype == np.float32
    np.testing.assert_array_equal(probabilities, np.sort(everything, axis=1)[:, ::-1][:, :2])
    np.testing.assert_array_equal(probabilities, np.take_along_axis(everything, indices, axis=1))


def test_rank_of_more_categories_than_exist_and_of_no_titles(classifier: TitleClassifier) -> None:
    assert classifier.rank(TITLES, top=50)[0].shape == (4, 3)
    assert classifier.rank([])[0].shape == (0, 3)
    assert classifier.probabilities([]).shape == (0, 3)


def test_score_ranks_and_finds_the_probability_of_the_true_category(classifier: TitleClassifier) -> None:
    many = TITLES * (BATCH_SIZE // len(TITLES) + 1)
    labels = np.resize(np.array([2, -1, 0], np.int64), len(many))
    found, everything = classifier.score(many, labels, top=2), classifier.probabilities(many)
    ranked, probabilities = classifier.rank(many, top=2)
    np.testing.assert_array_equal(found.ranked, ranked)
    np.testing.assert_array_equal(found.probabilities, probabilities)
    true = np.where(labels < 0, 0, np.take_along_axis(everything, labels.clip(0)[:, None], axis=1)[:, 0])
    np.testing.assert_array_equal(found.true_probabilities, true)
    assert classifier.score([], labels[:0]).ranked.shape == (0, 3)


@pytest.mark.parametrize("boundaries", [False, True])
@pytest.mark.parametrize("max_ngrams", [0, 60])
def test_the_fraction_of_unknown_words(boundaries: bool, max_ngrams: int) -> None:
    params = Preprocess(boundaries=boundaries, max_ngrams=max_ngrams, max_title_words=4)
    encoder = encoder_of([["taza", "mesa"]], params)
    network = build(Train(architecture="mlp"), (2 + len(encoder.words), 6), len(encoder.ngrams), 3)
    titles = ["taza", "taza xyzzy", "", "xyzzy", "taza xyzzy mesa taza beyond the fourth word", "a b taza"]
    found = TitleClassifier(encoder, network, CATEGORIES).score(titles, np.zeros(6, np.int64)).unknown_words
    np.testing.assert_allclose(found, [0, 1 / 2, 1, 1, 1 / 4, 2 / 3], rtol=1e-6)


def test_every_output_needs_a_category_name(classifier: TitleClassifier) -> None:
    with pytest.raises(ValueError, match="3 outputs, but 2 categories"):
        TitleClassifier(classifier.encoder, classifier.network, CATEGORIES[:2])
