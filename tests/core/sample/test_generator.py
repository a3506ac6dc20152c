"""The sample: the same for ever, realistic enough to be worth learning from, and hard enough not to be trivial."""

from __future__ import annotations

from collections import Counter
from datetime import date
from hashlib import sha256
from itertools import islice
from typing import Any

import numpy as np
import pytest

from meli_tasks.core.errors import BadData
from meli_tasks.core.sample.generator import CHUNK_ROWS, COLUMNS, UNRELIABLE_FRACTION, category_names, sample
from meli_tasks.core.sample.vocabulary import vocabulary

Columns = dict[str, list[str]]


def whole(rows: int, seed: int = 1, **options: Any) -> Columns:
    columns: Columns = {name: [] for name in COLUMNS}
    for chunk in sample(rows, seed, **options):
        for name, values in chunk.items():
            columns[name] += values
    return columns


@pytest.fixture(scope="module")
def twenty_thousand() -> Columns:
    return whole(20_000)


def test_the_rows_of_a_seed_never_change() -> None:
    """When this fails, the same seed gives other titles: raise SAMPLE_VERSION, then take the new values over."""
    rows = list(zip(*whole(1_000).values(), strict=True))
    assert rows[0] == ("Mamadeira Anticólica Lillo Divina 3 Unidades", "BABY_BOTTLES", "portuguese", "unreliable")
    assert sha256("\n".join(map("\t".join, rows)).encode()).hexdigest()[:16] == "8c74b6ec850ae9e8"


def test_fewer_rows_are_a_prefix_of_more_rows() -> None:
    more = whole(CHUNK_ROWS + 500)
    for rows in (0, 1, CHUNK_ROWS, CHUNK_ROWS + 3):
        assert whole(rows) == {name: values[:rows] for name, values in more.items()}


def test_seeds_and_chunks_differ() -> None:
    first, second = islice(sample(2 * CHUNK_ROWS, 1), 2)
    other = next(sample(CHUNK_ROWS, 2))
    assert len({tuple(chunk["title"][:50]) for chunk in (first, second, other)}) == 3


def test_every_day_has_different_titles() -> None:
    days = [whole(1_000, day=date(2026, 11, number)) for number in (20, 21)]
    assert whole(1_000, day=date(2026, 11, 21)) == days[1]
    assert {name: values[:10] for name, values in days[1].items()} == whole(10, day=date(2026, 11, 21))
    titles = [set(columns["title"]) for columns in (*days, whole(1_000), whole(1_000, 2))]
    assert len(set.union(*titles)) > 0.98 * sum(map(len, titles))
    assert whole(1_000, 2, day=date(2026, 11, 21))["title"] != days[1]["title"]


def test_categories_are_many_and_long_tailed(twenty_thousand: Columns) -> None:
    sizes = Counter(twenty_thousand["category"])
    assert set(sizes) == set(category_names())
    assert len(sizes) >= 60
    assert all(name == name.upper() and name.isascii() for name in sizes)
    ordered = sorted(sizes.values())
    assert ordered[-1] > 8 * ordered[0] > 8 * 80


def test_a_small_sample_has_ten_rows_of_most_categories() -> None:
    sizes = Counter(whole(2_000)["category"])
    assert sum(rows >= 10 for rows in sizes.values()) > 0.6 * len(category_names())


def test_both_languages_and_label_qualities_occur(twenty_thousand: Columns) -> None:
    languages = Counter(twenty_thousand["language"])
    assert set(languages) == {"spanish", "portuguese"}
    assert min(languages.values()) > 0.4 * 20_000
    assert Counter(twenty_thousand["label_quality"])["unreliable"] == pytest.approx(
        UNRELIABLE_FRACTION * 20_000, rel=0.05
    )


def test_titles_look_like_titles(twenty_thousand: Columns) -> None:
    titles = twenty_thousand["title"]
    assert len(set(titles)) > 0.98 * len(titles)
    assert all(title == " ".join(title.split()) for title in titles)
    assert max(map(len, titles)) < 200
    words = [len(title.split()) for title in titles]
    assert 5 < np.mean(words) < 11
    assert 0.04 < np.mean([title.isupper() for title in titles]) < 0.12
    assert any("Sillón" in title for title in titles)
    assert any("Sillon" in title for title in titles)


def test_the_requested_fraction_of_labels_is_wrong_and_all_of_them_are_unreliable() -> None:
    right, wrong = whole(20_000, wrong_fraction=0.0), whole(20_000, wrong_fraction=0.1)
    assert right["title"] == wrong["title"]
    changed = np.array(right["category"]) != np.array(wrong["category"])
    assert changed.mean() == pytest.approx(0.1, rel=0.1)
    assert set(np.array(wrong["label_quality"])[changed]) == {"unreliable"}
    words = vocabulary()
    family = dict(zip(words.categories, words.family_of.tolist(), strict=True))
    near = [
        family[before] == family[after]
        for before, after in zip(right["category"], wrong["category"], strict=True)
        if before != after
    ]
    assert 0.6 < np.mean(near) < 0.85


@pytest.mark.parametrize(("rows", "wrong_fraction"), [(-1, 0.0), (1, -0.1), (1, 0.5)])
def test_arguments_out_of_range_are_rejected(rows: int, wrong_fraction: float) -> None:
    with pytest.raises(BadData, match=r"rows with a fraction of wrong labels"):
        next(sample(rows, wrong_fraction=wrong_fraction))


def test_no_notation_is_left_in_the_words() -> None:
    for phrase in vocabulary()._numbers:
        assert not set("{}|;:").intersection(phrase.replace("1:", "")), phrase
        assert " / " not in phrase
        assert phrase.strip() == " ".join(phrase.split())


def test_every_phrase_has_every_spelling() -> None:
    words = vocabulary()
    number = list(words._numbers).index("Sábanas ")
    written = {words.table[way * words.phrases + number] for way in range(6)}
    assert written == {"Sábanas ", "Sabanas ", "SÁBANAS ", "SABANAS ", "sábanas ", "sabanas "}


def test_a_linear_classifier_is_good_but_not_perfect(twenty_thousand: Columns) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import SGDClassifier
    from sklearn.metrics import balanced_accuracy_score

    titles, categories = twenty_thousand["title"], np.array(twenty_thousand["category"])
    counts = TfidfVectorizer(ngram_range=(1, 2), strip_accents="unicode", sublinear_tf=True).fit_transform(titles)
    model = SGDClassifier(alpha=1e-5, random_state=1, max_iter=8, tol=None).fit(counts[:16_000], categories[:16_000])
    score = balanced_accuracy_score(categories[16_000:], model.predict(counts[16_000:]))
    assert 0.92 < score < 0.985
