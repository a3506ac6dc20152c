"""preprocess: listings to arrays of integers, with an encoder learned on the training titles only.

In: `ingest` (listings.parquet). Out, for train and validation: tokens, offsets, labels, reliable (and with n-grams:
ngrams, ngram_offsets, ngram_values), each `<split>.<array>.npy`; vocabulary.txt (a word a line, from id 2), ngrams.txt
and ngram_weights.npy, categories.json, encoder.json. No test arrays: evaluate encodes raw titles with the model's own
encoder.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData, MissingArtifact
from meli_tasks.core.hyperparameters import Preprocess, Section
from meli_tasks.core.text import UNKNOWN, Encoded, Encoder, learn, tokenize
from meli_tasks.stages.growing_array import GrowingArray
from meli_tasks.stages.log import Log

SPLITS = ("train", "validation")
OUTPUTS = (
    *(f"{split}.{array}.npy" for split in SPLITS for array in ("tokens", "offsets", "labels", "reliable")),
    "vocabulary.txt",
    "categories.json",
    "encoder.json",
)

WORD_ARRAYS: dict[str, type[np.generic]] = {"tokens": np.int32, "offsets": np.int64}
NGRAM_ARRAYS: dict[str, type[np.generic]] = {"ngrams": np.int32, "ngram_offsets": np.int64, "ngram_values": np.float32}
OFFSETS = {"offsets", "ngram_offsets"}

TITLES_A_CHUNK = 65_536  # about 150 n-grams a title, 8 bytes each: 80 MB
UNSEEN_SHOWN = 10

Item = TypeVar("Item")


@dataclass(frozen=True)
class Listings:
    """The rows of one split: titles, their categories, and whether the label may be trusted, in parallel."""

    titles: list[str]
    categories: list[str]
    reliable: NDArray[np.bool_]

    def keep(self, rows: Sequence[int]) -> Listings:
        """Only these rows, in this order."""
        return Listings([self.titles[row] for row in rows], [self.categories[row] for row in rows], self.reliable[rows])


def run(inputs: Mapping[str, Path], out: Path, params: Section | Mapping[str, Any], log: Log) -> dict[str, Any]:
    """Learns the encoder and writes the arrays. BadData when a split has no titles, or the titles no words."""
    settings = params if isinstance(params, Preprocess) else Preprocess.model_validate(dict(params))
    train, validation = (read_listings(inputs["ingest"], split) for split in SPLITS)
    categories = sorted(set(train.categories))
    if len(categories) < 2:
        raise BadData(f"the training titles have only the category {categories}: there is nothing to tell apart")
    validation, unseen, dropped = _of_known_categories(validation, categories)
    if dropped:
        log.info(
            f"{dropped:,} validation titles of {len(unseen):,} categories that no training title has are left out: "
            f"{', '.join(unseen[:UNSEEN_SHOWN])}{' ...' if len(unseen) > UNSEEN_SHOWN else ''}"
        )
    if not validation.titles:
        raise BadData(
            f"no validation titles beside {len(train.titles):,} training titles: the source is too small to be split, "
            "or its `split` column has no row marked validation"
        )
    words = tokenize(train.titles, settings.tokenizer)
    encoder = learn(words, settings)
    log.info(
        f"{len(train.titles):,} training titles: {len(encoder.words):,} words, {len(encoder.ngrams):,} n-grams, "
        f"{len(categories):,} categories"
    )
    write_encoder(out, encoder, categories)
    shares = {
        "train": _write_split(out, "train", train, map(encoder.encode_words, _chunks(words)), categories),
        "validation": _write_split(
            out, "validation", validation, map(encoder.encode, _chunks(validation.titles)), categories
        ),
    }
    log.info(
        f"{shares['train']['empty']:.2%} of the training titles have no word left; "
        f"{shares['validation']['unknown']:.2%} of the words in {len(validation.titles):,} validation ones are unknown"
    )
    return {
        "titles": {"train": len(train.titles), "validation": len(validation.titles)},
        "categories": len(categories),
        "words": len(encoder.words),
        "ngrams": len(encoder.ngrams),
        "words_per_title": shares["train"]["words_per_title"],
        "empty_share": {split: share["empty"] for split, share in shares.items()},
        "unknown_share": {split: share["unknown"] for split, share in shares.items()},
        "unseen_categories": {"titles": dropped, "categories": len(unseen), "first": unseen[:UNSEEN_SHOWN]},
    }


def read_listings(folder: Path, split: str) -> Listings:
    """The rows that ingest gave to one split, in their order."""
    path = folder / "listings.parquet"
    if not path.exists():
        raise MissingArtifact(f"{path} is missing: has ingest run?")
    table = pq.read_table(
        path, columns=["title", "category", "label_quality"], filters=[("split", "==", split)], use_threads=False
    )
    unreliable = [quality == "unreliable" for quality in table["label_quality"].to_pylist()]
    return Listings(table["title"].to_pylist(), table["category"].to_pylist(), ~np.array(unreliable, dtype=np.bool_))


def _of_known_categories(listings: Listings, categories: Sequence[str]) -> tuple[Listings, list[str], int]:
    """The rows whose category is known, the names of the others' categories, and how many rows those were."""
    known = set(categories)
    unseen = sorted(set(listings.categories) - known)
    if not unseen:
        return listings, [], 0
    kept = [row for row, category in enumerate(listings.categories) if category in known]
    return listings.keep(kept), unseen, len(listings.titles) - len(kept)


def _chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for low in range(0, len(items), TITLES_A_CHUNK):
        yield items[low : low + TITLES_A_CHUNK]


def _write_split(
    out: Path, split: str, listings: Listings, chunks: Iterable[Encoded], categories: Sequence[str]
) -> dict[str, float]:
    """Writes the arrays of one split chunk by chunk; its shares of empty titles and unknown words, words a title."""
    label_of = {category: label for label, category in enumerate(categories)}
    labels = np.fromiter((label_of[category] for category in listings.categories), np.int32, len(listings.titles))
    np.save(out / f"{split}.labels.npy", labels)
    np.save(out / f"{split}.reliable.npy", listings.reliable)
    wanted = WORD_ARRAYS | (NGRAM_ARRAYS if (out / "ngrams.txt").exists() else {})
    empty, unknown, ends = 0, 0, dict.fromkeys(wanted, 0)
    with ExitStack() as open_files:
        files = {
            name: open_files.enter_context(GrowingArray(out / f"{split}.{name}.npy", dtype))
            for name, dtype in wanted.items()
        }
        for name in OFFSETS & wanted.keys():
            files[name].append(np.zeros(1, dtype=np.int64))
        for encoded in chunks:
            empty += int((np.diff(encoded.offsets) == 0).sum())
            unknown += int((encoded.tokens == UNKNOWN).sum())
            for name, file in files.items():
                values = getattr(encoded, name)
                if name in OFFSETS:
                    values = values[1:] + ends[name]
                    ends[name] = int(values[-1])
                file.append(values)
        words = files["tokens"].length
    titles = len(listings.titles)
    return {"empty": empty / titles, "unknown": unknown / max(1, words), "words_per_title": words / titles}


def write_encoder(out: Path, encoder: Encoder, categories: Sequence[str]) -> None:
    """The encoder, its long lists apart in files of their own, and the categories in the order of their labels."""
    described = encoder.to_json()
    for lists in ("words", "ngrams", "ngram_weights"):
        del described[lists]
    _write_text(out / "encoder.json", json.dumps(described, indent=1))
    _write_text(out / "vocabulary.txt", "".join(f"{word}\n" for word in encoder.words))
    _write_text(out / "categories.json", json.dumps(list(categories), ensure_ascii=False, indent=0))
    if encoder.ngrams:
        _write_text(out / "ngrams.txt", "".join(f"{ngram}\n" for ngram in encoder.ngrams))
        np.save(out / "ngram_weights.npy", encoder.ngram_weights)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
