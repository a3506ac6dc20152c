"""Makes profiles of titles, chunk by chunk: about 8 microseconds of one core a title."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, compress
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.text.tokenizers import tokenize
from meli_tasks.core.title_profile import (
    CONFIDENCE_BINS,
    EXAMPLE_CHARACTERS,
    LENGTH_BINS,
    MOST_EXAMPLES,
    MOST_NEW_WORDS,
    UNKNOWN_BINS,
    TitleProfile,
    most_frequent,
)

if TYPE_CHECKING:
    from meli_tasks.core.models.ensemble import Classifier

LANGUAGES = ("", "spanish", "portuguese", "english", "other script")
_SPANISH, _PORTUGUESE, _ENGLISH, _OTHER_SCRIPT = range(1, 5)
_UNKNOWN = 8
"""The bit of a word's code that marks an unknown word; the others are the index of its language."""

# Hints, not a classification: what counts is that the mix of hints stays the same.
_FUNCTION_WORDS_BY_LANGUAGE = {
    _SPANISH: "con y el los las del sin por una un muy al en hasta desde nuevo nueva envio gratis",
    _PORTUGUESE: "com e o os as do da dos das sem um uma no na ate novo nova frete em ao",
    _ENGLISH: "with and for the of without in from new free your to by set",
}
_FUNCTION_WORDS = {word: language for language, words in _FUNCTION_WORDS_BY_LANGUAGE.items() for word in words.split()}
_PORTUGUESE_WORD = re.compile(r"(?:ao|coes|ções|ção|agem|eiro|eira|inho|inha|eis|oes|ões)$|lh[aeiou]|nh[aeiou]|[ãõç]")
_SPANISH_WORD = re.compile(r"(?:cion|ciones|ción|illo|illa|uela|uelo)$|ll[aeou]|ñ|ie[nr][dt]|ue[lrs][tvz]")
_OTHER_LETTERS = re.compile(r"[\u0370-\u1dff\u2c00-\ud7ff\uf900-\ufdff\ufe70-\uffdc]")
# The replacement character; a lone surrogate of a foreign byte; UTF-8 read as Latin-1 or Windows-1252, once or twice;
# a question mark between letters.
_BROKEN = re.compile(
    "\ufffd|[\ud800-\udfff]|[\u00c2\u00c3][\u0080-\u00bf\u0152-\u0192\u2013-\u203a\u20ac\u2122]|\u00ef\u00bf\u00bd|"
    "\u00e2\u20ac|[^\\W\\d_]\\?[^\\W\\d_]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_MOST_CODES = 1_000_000
_KEPT_WHILE_COUNTING = 50 * MOST_NEW_WORDS


@dataclass(frozen=True)
class KnownWords:
    """The words that a model knows, and how it finds words in titles."""

    tokenizer: str
    words: frozenset[str]
    digest: str

    @classmethod
    def of(cls, tokenizer: str, words: Sequence[str]) -> Self:
        """Those of an encoder."""
        text = "\n".join([tokenizer, *sorted(words)])
        return cls(tokenizer, frozenset(words), hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16])

    @classmethod
    def of_model(cls, classifier: Classifier) -> Self:
        """Those of a model; of an ensemble, those of the member that knows the most words."""
        members = getattr(classifier, "members", None)
        models = [classifier] if members is None else [member.classifier for member in members]
        encoder = max((model.encoder for model in models), key=lambda encoder: len(encoder.words))  # type: ignore[union-attr]
        return cls.of(encoder.tokenizer, encoder.words)


@dataclass(frozen=True)
class Predicted:
    """What a model said about titles: first category ("" if none), its probability, whether it was withheld."""

    categories: Sequence[str]
    probabilities: Sequence[float | None]
    """None where the model knows no word of the title."""
    abstained: Sequence[bool] = ()
    """Empty if no prediction was withheld."""


class TitleProfiler:
    """Counts titles chunk by chunk. Not thread-safe."""

    def __init__(self, known: KnownWords) -> None:
        self._known = known
        self._codes = _Codes(known.words)
        self._total = TitleProfile(vocabulary=known.digest)
        self._new: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def add(
        self, titles: Sequence[str], reasons: Sequence[str] | None = None, predicted: Predicted | None = None
    ) -> None:
        """Count some titles.

        Args:
            titles: Cleaned titles, as training reads them.
            reasons: Why each of them cannot be used, "" if it can; by default all can.
            predicted: What the model said about each of them.
        """
        usable = [not reason for reason in reasons] if reasons is not None else [True] * len(titles)
        bad = Counter(filter(None, reasons or ()))
        good = list(compress(titles, usable)) if bad else list(titles)
        counted = self._of_titles(good).model_copy(update={"bad": dict(bad)})
        if predicted is not None:
            counted = counted.model_copy(update=_of_predictions(predicted, usable))
        self._total = self._total.merge(counted)

    def profile(self) -> TitleProfile:
        """The profile of all titles so far."""
        new = most_frequent(self._new, MOST_NEW_WORDS)
        return self._total.model_copy(
            update={
                "new_words": {_storable(word): occurrences for word, occurrences in new.items()},
                "new_word_examples": {_storable(word): self._examples[word] for word in new},
            }
        )

    def _of_titles(self, titles: list[str]) -> TitleProfile:
        """The counts of titles but for new words, which are counted here."""
        if not titles:
            return TitleProfile(vocabulary=self._known.digest)
        words = tokenize(titles, self._known.tokenizer)
        sizes = np.fromiter(map(len, words), np.int64, len(words))
        codes = np.fromiter(map(self._codes.__getitem__, chain.from_iterable(words)), np.int8, int(sizes.sum()))
        owners = np.repeat(np.arange(len(titles)), sizes)
        unknown = codes >= _UNKNOWN
        per_title = np.bincount(owners[unknown], minlength=len(titles))
        filled = sizes > 0
        self._count_new(titles, list(compress(chain.from_iterable(words), unknown.tolist())), owners[unknown])
        broken = [title for title in titles if _BROKEN.search(title)] if _BROKEN.search("\n".join(titles)) else []
        return TitleProfile(
            vocabulary=self._known.digest,
            titles=len(titles),
            words=len(codes),
            unknown_words=int(unknown.sum()),
            unknown_fractions=_counts(np.ceil(per_title[filled] / sizes[filled] * (UNKNOWN_BINS - 1)), UNKNOWN_BINS),
            lengths=_counts(sizes, LENGTH_BINS),
            languages=_languages(codes, owners, len(titles)),
            accented=sum(not title.isascii() for title in titles),
            broken=len(broken),
            broken_examples=tuple(map(_excerpt, broken[:MOST_EXAMPLES])),
        )

    def _count_new(self, titles: Sequence[str], words: Sequence[str], owners: NDArray[np.int64]) -> None:
        self._new.update(words)
        for word, owner in zip(words, owners.tolist(), strict=True):
            if word not in self._examples:
                self._examples[word] = _excerpt(titles[owner])
        if len(self._new) > _KEPT_WHILE_COUNTING:
            self._new = Counter(most_frequent(self._new, _KEPT_WHILE_COUNTING // 2))
            self._examples = {word: self._examples[word] for word in self._new}


class _Codes(dict[str, int]):
    """The code of each word: the language that it hints at, and whether it is unknown."""

    def __init__(self, known: frozenset[str]) -> None:
        super().__init__()
        self._known = known

    def __missing__(self, word: str) -> int:
        if len(self) > _MOST_CODES:
            self.clear()
        code = self[word] = _language_of(word) + (_UNKNOWN if word not in self._known else 0)
        return code


def _language_of(word: str) -> int:
    found = _FUNCTION_WORDS.get(word, 0)
    if found or word.isdigit():
        return found
    if not word.isascii() and _OTHER_LETTERS.search(word):
        return _OTHER_SCRIPT
    portuguese, spanish = bool(_PORTUGUESE_WORD.search(word)), bool(_SPANISH_WORD.search(word))
    if portuguese == spanish:
        return 0
    return _PORTUGUESE if portuguese else _SPANISH


def _languages(codes: NDArray[np.int8], owners: NDArray[np.int64], titles: int) -> dict[str, int]:
    """Titles by the language that most of their words hint at; in a tie they hint at none."""
    width = len(LANGUAGES)
    votes = np.bincount(owners * width + (codes & (_UNKNOWN - 1)), minlength=titles * width).reshape(titles, width)[
        :, 1:
    ]
    best = votes.max(axis=1)
    clear = (best > 0) & ((votes == best[:, None]).sum(axis=1) == 1)
    found = np.bincount(np.where(clear, votes.argmax(axis=1) + 1, 0), minlength=width)
    return {language: int(count) for language, count in zip(LANGUAGES, found, strict=True) if count}


def _of_predictions(predicted: Predicted, usable: Sequence[bool]) -> dict[str, object]:
    probabilities = list(compress(predicted.probabilities, usable))
    answered = np.array([value for value in probabilities if value is not None], dtype=np.float64)
    withheld = list(compress(predicted.abstained, usable)) if predicted.abstained else [False] * len(probabilities)
    named = compress(predicted.categories, usable)
    categories = Counter(name for name, kept_back in zip(named, withheld, strict=True) if name and not kept_back)
    return {
        "categories": dict(categories),
        "confidences": _counts(np.minimum(answered * CONFIDENCE_BINS, CONFIDENCE_BINS - 1), CONFIDENCE_BINS),
        "unknown_titles": len(probabilities) - len(answered),
        "abstained": sum(withheld),
    }


def _excerpt(title: str) -> str:
    return _storable(title[:EXAMPLE_CHARACTERS])


def _storable(text: str) -> str:
    """The text with replacement characters for lone surrogates, which JSON files cannot hold."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def _counts(values: NDArray[np.generic], bins: int) -> tuple[int, ...]:
    places = np.minimum(values.astype(np.int64), bins - 1)
    return tuple(np.bincount(places, minlength=bins).tolist())
