"""Profiles of titles: exact counts, the same whatever the chunks, and mergeable in any grouping."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from meli_tasks.core.title_profile import MOST_NEW_WORDS, TitleProfile, merged
from meli_tasks.core.title_profiler import KnownWords, Predicted, TitleProfiler

KNOWN = KnownWords.of("default", ["funda", "celular", "para", "zapatillas", "com", "con"])
TITLES = [
    "Funda para celular",
    "Funda zxq con celular",
    "Zapatillas nuevas zxq",
    "Capa com ziper",
    "---",
    "TelÃ©fono nuevo",
    "Tel\ufffdfono",
    "Cartão de memória",
]


def profile_of(titles: Sequence[str], reasons: Sequence[str] | None = None) -> TitleProfile:
    profiler = TitleProfiler(KNOWN)
    profiler.add(titles, reasons)
    return profiler.profile()


def test_words_unknown_words_and_lengths_are_counted() -> None:
    found = profile_of(TITLES[:4])
    assert (found.titles, found.words, found.unknown_words) == (4, 13, 5)
    assert found.unknown_fractions == (1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0)
    assert found.lengths[:6] == (0, 0, 0, 3, 1, 0)
    assert found.new_words == {"zxq": 2, "capa": 1, "nuevas": 1, "ziper": 1}
    assert found.new_word_examples["zxq"] == "Funda zxq con celular"


def test_a_title_without_words_counts_as_a_title_but_has_no_fraction() -> None:
    found = profile_of(["---"])
    assert (found.titles, found.words, sum(found.unknown_fractions), found.lengths[0]) == (1, 0, 0, 1)


def test_bad_titles_are_counted_by_reason_and_nothing_else() -> None:
    found = profile_of(["Funda", "", "x" * 2000], ["", "no title", "title too long"])
    assert found.bad == {"no title": 1, "title too long": 1}
    assert (found.titles, found.words, found.bad_titles) == (1, 1, 2)


@pytest.mark.parametrize(
    ("title", "broken"),
    [
        ("Teléfono Ñandú Ação", 0),
        ("TelÃ©fono", 1),
        ("Tel\ufffdfono", 1),
        ("Tel?fono", 1),
        ("Que tal?", 0),
        ("AÃ§Ã£o", 1),
        ("MÃ³vil â€“ libre", 1),
        ("SÃO PAULO", 0),
        ("Tel\udce9fono", 1),
    ],
)
def test_traces_of_a_wrong_encoding_are_found(title: str, broken: int) -> None:
    found = profile_of([title])
    assert found.broken == broken
    assert len(found.broken_examples) == broken


@pytest.mark.parametrize(
    ("title", "language"),
    [
        ("Funda con tapa", "spanish"),
        ("Capa com tampa", "portuguese"),
        ("Cartão de memória", "portuguese"),
        ("Case with lid", "english"),
        ("Чехол для телефона", "other script"),
        ("Samsung 1234", ""),
    ],
)
def test_words_and_letters_hint_at_a_language(title: str, language: str) -> None:
    assert set(profile_of([title]).languages) == {language}


def test_predictions_are_counted() -> None:
    profiler = TitleProfiler(KNOWN)
    profiler.add(
        ["a", "b", "c", "", "d"],
        ["", "", "", "no title", ""],
        Predicted(
            ["PHONES", "CASES", "", "", "CASES"], [0.99, 1.0, None, None, 0.2], [False, False, False, False, True]
        ),
    )
    found = profiler.profile()
    assert found.categories == {"PHONES": 1, "CASES": 1}
    assert (found.predicted, found.unknown_titles, found.abstained, found.titles) == (3, 1, 1, 4)
    assert (found.confidences[19], found.confidences[4]) == (2, 1)


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_chunks_do_not_matter(size: int) -> None:
    profiler = TitleProfiler(KNOWN)
    for start in range(0, len(TITLES), size):
        profiler.add(TITLES[start : start + size])
    assert profiler.profile() == profile_of(TITLES)


def test_merging_is_associative_and_equals_the_profile_of_all() -> None:
    one, two, three = (profile_of(part) for part in (TITLES[:3], TITLES[3:5], TITLES[5:]))
    assert one.merge(two).merge(three) == one.merge(two.merge(three)) == merged([one, two, three]) == profile_of(TITLES)
    assert merged([]) == TitleProfile()
    assert TitleProfile().merge(one) == one == one.merge(TitleProfile())


def test_profiles_of_different_vocabularies_are_not_merged() -> None:
    other = TitleProfiler(KnownWords.of("default", ["funda"]))
    other.add(["Funda"])
    with pytest.raises(ValueError, match="vocabularies"):
        profile_of(TITLES).merge(other.profile())


def test_a_profile_survives_json_also_with_bytes_that_are_not_utf_8() -> None:
    found = profile_of([*TITLES, "Tel\udce9fono roto", "zx\udce9q"])
    assert TitleProfile.model_validate_json(found.model_dump_json()) == found
    assert TitleProfile.model_validate_json('{"titles": 3, "added_later": 1}').titles == 3


def test_the_most_frequent_new_words_are_kept() -> None:
    titles = [f"zq{number}x" for number in range(MOST_NEW_WORDS + 500)]
    found = profile_of([*titles, titles[-1], titles[-1]])
    assert len(found.new_words) == len(found.new_word_examples) == MOST_NEW_WORDS
    assert next(iter(found.new_words)) == titles[-1]
