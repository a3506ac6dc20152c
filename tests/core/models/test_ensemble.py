"""The mean of several classifiers: the fitted weights and temperatures, where the right ones are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from meli_tasks.core.hyperparameters import Preprocess, Train
from meli_tasks.core.models.classifier import TitleClassifier
from meli_tasks.core.models.ensemble import (
    EVENING_STEPS,
    Ensemble,
    Member,
    apply_inverse_temperature,
    balanced_title_weights,
    fit_inverse_temperature,
    fit_mixture_weights,
    shrink_towards_even,
)
from meli_tasks.core.models.networks import build
from meli_tasks.core.text.encoder import Encoder
from tests.core.text.encoders import encoder_of

TITLES = ["funda silicona iphone", "zapatilla running", "mesa ratona de madera", "taza", ""]
CATEGORIES = ["COVERS", "MUGS", "SHOES", "TABLES"]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    words = [title.split() for title in TITLES if title]
    return encoder_of(words, Preprocess.model_validate({"max_ngrams": 60, "min_ngram_count": 1}))


def classifier(
    encoder: Encoder, architecture: str, categories: list[str], seed: int, ngram_dimensions: int = 4
) -> TitleClassifier:
    values = {"architecture": architecture, "ngram_dimensions": ngram_dimensions, "filters": 5, "hidden": []}
    params = Train.model_validate(values)
    network = build(params, (2 + len(encoder.words), 6), len(encoder.ngrams), len(categories))
    generator = torch.Generator().manual_seed(seed)
    for value in network.parameters():
        value.data.normal_(generator=generator)
    return TitleClassifier(encoder, network, categories)


def test_an_ensemble_is_the_weighted_mean_of_its_members(encoder: Encoder) -> None:
    one, other = classifier(encoder, "mlp", CATEGORIES, 1), classifier(encoder, "cnn", CATEGORIES, 2)
    ensemble = Ensemble([Member("a", one, 0.75, 1.0), Member("b", other, 0.25, 2.0)])
    squared = other.probabilities(TITLES) ** 2
    expected = 0.75 * one.probabilities(TITLES) + 0.25 * squared / squared.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ensemble.probabilities(TITLES), expected, atol=1e-6)
    ranked, shares = ensemble.rank(TITLES, top=2)
    np.testing.assert_array_equal(ranked[:, 0], expected.argmax(axis=1))
    np.testing.assert_allclose(shares, np.sort(expected, axis=1)[:, :-3:-1], atol=1e-6)
    assert ensemble.rank(TITLES, top=9)[0].shape == (5, 4)
    assert ensemble.rank([], top=2)[0].shape == (0, 2)
    assert ensemble.known(["taza", "", "zzz"]).tolist() == [True, False, False]
    assert ensemble.known([]).tolist() == []


def test_the_unknown_words_of_an_ensemble_are_those_of_the_member_that_knows_most() -> None:
    encoders = [encoder_of([words], Preprocess()) for words in (["funda", "taza"], ["taza", "mesa"])]
    members = [classifier(encoder, "mlp", CATEGORIES, seed, 0) for seed, encoder in enumerate(encoders)]
    ensemble = Ensemble([Member("a", members[0], 0.5, 1.0), Member("b", members[1], 0.5, 1.0)])
    titles = ["taza", "funda", "mesa x", "mesa funda taza"]
    found = ensemble.score(titles, np.array([3, -1, 0, 1]), top=2)
    np.testing.assert_allclose(found.unknown_words, [0, 0, 1 / 2, 1 / 3], rtol=1e-6)
    expected = ensemble.probabilities(titles)
    np.testing.assert_array_equal(found.true_probabilities, [expected[0, 3], 0, expected[2, 0], expected[3, 1]])


def test_members_with_different_categories_are_aligned_by_name(encoder: Encoder) -> None:
    one = classifier(encoder, "mlp", CATEGORIES, 1)
    shuffled, fewer = ["TABLES", "SHOES", "MUGS", "COVERS"], ["MUGS", "LAMPS"]
    others = [classifier(encoder, "mlp", shuffled, 2), classifier(encoder, "cnn", fewer, 3)]
    ensemble = Ensemble([Member("a", one, 0.5, 1), Member("b", others[0], 0.3, 1), Member("c", others[1], 0.2, 1)])
    assert ensemble.categories == [*CATEGORIES, "LAMPS"]
    answer = dict(zip(ensemble.categories, ensemble.probabilities(["taza"])[0], strict=True))
    parts = [
        dict(zip(m.classifier.categories, m.classifier.probabilities(["taza"])[0], strict=True))
        for m in ensemble.members
    ]
    for name, value in answer.items():
        assert value == pytest.approx(
            sum(w * part.get(name, 0) for w, part in zip((0.5, 0.3, 0.2), parts, strict=True)), abs=1e-6
        )
    assert sum(answer.values()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("ngram_dimensions", [(0, 4), (4, 0)])
def test_a_member_without_ngrams_may_share_an_encoder_that_has_them(
    encoder: Encoder, ngram_dimensions: tuple[int, int]
) -> None:
    both = [classifier(encoder, "mlp", CATEGORIES, seed, size) for seed, size in enumerate(ngram_dimensions)]
    ensemble = Ensemble([Member(str(seed), one, 0.5, 1.0) for seed, one in enumerate(both)])
    expected = sum(one.probabilities(TITLES) for one in both) / 2
    np.testing.assert_allclose(ensemble.probabilities(TITLES), expected, atol=1e-6)


def test_a_batch_is_classified_like_single_titles(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meli_tasks.core.models.classifier.BATCH_SIZE", 2)
    one = classifier(encoder, "cnn", CATEGORIES, 1)
    for either in (one, Ensemble([Member("a", one, 1.0, 1.0)])):
        single = np.concatenate([either.probabilities([title]) for title in TITLES])
        np.testing.assert_allclose(either.probabilities(TITLES), single, atol=1e-6)
        assert either.rank(TITLES, top=1)[0].ravel().tolist() == single.argmax(axis=1).tolist()


def test_members_that_share_an_encoder_encode_a_title_a_single_time(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [Member(str(seed), classifier(encoder, "mlp", CATEGORIES, seed), 0.5, 1.0) for seed in (1, 2)]
    encoded: list[int] = []
    encode = encoder.encode
    monkeypatch.setattr(encoder, "encode", lambda titles: encoded.append(len(titles)) or encode(titles))
    Ensemble(members).probabilities(TITLES)
    assert encoded == [5]


def test_weights_that_do_not_sum_to_1_are_rejected(encoder: Encoder) -> None:
    one = classifier(encoder, "mlp", CATEGORIES, 1)
    with pytest.raises(ValueError, match="sum to 1"):
        Ensemble([Member("a", one, 0.5, 1.0)])


def test_fitting_recovers_the_weights_that_generated_the_titles() -> None:
    """Each title is one of three experts' by these weights; each gives its own titles 0.9 and the others' 0.1."""
    random = np.random.default_rng(1)
    whose = random.choice(3, 60_000, p=[0.55, 0.3, 0.15])
    likelihoods = np.where(np.arange(3) == whose[:, None], 0.9, 0.1)
    even = np.full(len(whose), 1 / len(whose))
    # The mean p = sum w_m l_m of such experts fits best where 0.1 + 0.8 w_m is proportional to each expert's share.
    shares = np.bincount(whose) / len(whose)
    expected = np.maximum((shares * (0.3 + 0.8) - 0.1) / 0.8, 0)
    np.testing.assert_allclose(fit_mixture_weights(likelihoods, even, 3), expected / expected.sum(), atol=2e-3)
    two = fit_mixture_weights(likelihoods, even, 2)
    assert two[2] == 0 and two.sum() == pytest.approx(1) and two[0] > two[1] > 0


Floats = np.ndarray[Any, np.dtype[np.float64]]


def losses(weights: Floats, best: Floats, likelihoods: Floats) -> tuple[float, float]:
    """What the mean log-likelihood loses against the best weights', and the standard error of that."""
    lost = np.log(likelihoods @ best) - np.log(likelihoods @ weights)
    return float(lost.mean()), float(lost.std() / np.sqrt(len(lost)))


@pytest.mark.parametrize("titles", [200, 2_000])
def test_two_equally_good_classifiers_get_equal_weights(titles: int) -> None:
    likelihoods = np.random.default_rng(4).beta(2.0, 1.0, (titles, 2))
    share = np.full(titles, 1 / titles)
    likeliest = fit_mixture_weights(likelihoods, share, 2)
    assert likeliest[0] != pytest.approx(0.5, abs=0.01)
    np.testing.assert_allclose(shrink_towards_even(likeliest, likelihoods, share), [0.5, 0.5])


def test_a_weaker_classifier_gets_the_largest_weight_that_the_titles_allow() -> None:
    random, found = np.random.default_rng(4), {}
    for titles in (200, 20_000):
        likelihoods = np.where(random.random((titles, 1)) < 0.8, [0.9, 0.4], [0.1, 0.7])
        share = np.full(titles, 1 / titles)
        likeliest = fit_mixture_weights(likelihoods, share, 2)
        weights = shrink_towards_even(likeliest, likelihoods, share)
        lost, error = losses(weights, likeliest, likelihoods)
        assert 0 <= lost <= error
        further = weights + (np.array([0.5, 0.5]) - likeliest) / EVENING_STEPS
        lost, error = losses(further, likeliest, likelihoods)
        assert lost > error  # a step further would be one that the titles do rule out
        found[titles] = weights[1] - likeliest[1]
    assert found[200] > 2 * found[20_000] > 0


def test_a_weight_of_0_stays_0() -> None:
    likelihoods = np.random.default_rng(4).beta(2.0, 1.0, (300, 3))
    weights = shrink_towards_even(np.array([0.7, 0.0, 0.3]), likelihoods, np.full(300, 1 / 300))
    assert weights[1] == 0 and weights.sum() == pytest.approx(1)


def test_a_classifier_that_is_never_better_gets_no_weight() -> None:
    likelihoods = np.stack([np.full(100, 0.8), np.full(100, 0.4), np.full(100, 0.2)], axis=1)
    np.testing.assert_array_equal(fit_mixture_weights(likelihoods, np.full(100, 0.01), 3), [1, 0, 0])


def test_title_weights_balance_rare_categories() -> None:
    labels = np.array([0] * 99 + [1])
    likelihoods = np.stack([np.where(labels == 0, 0.9, 0.1), np.where(labels == 0, 0.1, 0.9)], axis=1)
    np.testing.assert_array_equal(fit_mixture_weights(likelihoods, np.full(100, 0.01), 2), [1, 0])
    np.testing.assert_allclose(
        fit_mixture_weights(likelihoods, balanced_title_weights(labels), 2), [0.5, 0.5], atol=1e-3
    )
    assert balanced_title_weights(labels).sum() == pytest.approx(1)


@pytest.mark.parametrize("true", [0.4, 1.0, 2.5])
def test_fitting_recovers_the_inverse_temperature_of_the_titles(true: float) -> None:
    random = np.random.default_rng(2)
    logits = random.normal(0, 1.5, (20_000, 5))
    said = torch.softmax(torch.from_numpy(logits).float(), 1)
    happens = apply_inverse_temperature(said, true).numpy().cumsum(axis=1)
    labels = (random.random((20_000, 1)) > happens).sum(axis=1).clip(max=4)
    labels[:50] = -1  # of a category that this model does not know
    even = np.full(len(labels), 1 / len(labels))
    assert fit_inverse_temperature(said.numpy(), labels, even) == pytest.approx(true, rel=0.05)


def test_without_known_titles_the_inverse_temperature_is_1() -> None:
    said = np.full((3, 2), 0.5, dtype=np.float32)
    assert fit_inverse_temperature(said, np.array([-1, -1, -1]), np.full(3, 1 / 3)) == 1.0
    assert fit_inverse_temperature(said, np.array([0, 1, 0]), np.full(3, 1 / 3)) == 1.0
