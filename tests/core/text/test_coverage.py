from __future__ import annotations

import numpy as np
import pytest

from meli_tasks.core.text import coverage as word_vectors
from meli_tasks.core.text.coverage import Coverage, coverage_of, within


@pytest.mark.parametrize("at_once", [1, 3, 1_000])
def test_coverage_counts_corpus_tokens_and_the_vocabulary(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(word_vectors, "COUNTED_AT_ONCE", at_once)
    tokens = np.array([2, 3, 3, 4, 1, 2, 5, 3, 99, 7], np.int32)  # 1, 99 and 7 are outside of the four words
    has_vector = np.array([False, False, True, False, False, True])
    seen = coverage_of(tokens, ["a", "b", "c", "d"], has_vector, 9)
    assert seen == Coverage(words=0.3, vocabulary=0.5, uncovered=[("b", 3), ("c", 1)])


def test_boundary_tokens_need_no_vector() -> None:
    tokens = np.array([2, 4, 5, 3, 2, 4, 3], np.int32)
    has_vector = np.array([False, False, False, False, True, False])
    seen = coverage_of(tokens, ["<BEGIN>", "<END>", "a", "b"], has_vector, 9)
    assert seen == Coverage(words=2 / 3, vocabulary=0.5, uncovered=[("b", 1)])


def test_a_vocabulary_of_boundary_tokens_only_has_no_coverage() -> None:
    assert coverage_of(np.array([2, 3], np.int32), ["<BEGIN>", "<END>"], np.zeros(4, np.bool_), 9) == Coverage(0, 0, [])


def test_no_titles_and_no_words_have_no_coverage() -> None:
    assert coverage_of(np.empty(0, np.int32), [], np.zeros(2, np.bool_), 9) == Coverage(0.0, 0.0, [])


def test_ids_outside_the_vocabulary_become_the_unknown_word() -> None:
    assert within(np.array([0, 1, 2, 5, 6], np.int32), 5).tolist() == [0, 1, 2, 1, 1]
    assert within(np.array([7], np.int32), 5).dtype == np.int32
