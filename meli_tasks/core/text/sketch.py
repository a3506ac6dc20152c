"""A small sample of a set of titles that tells how many of them another set holds too.

The sample is the titles with the smallest hashes: two sets that share a title with a small hash both have it in their
samples (A. Broder, "On the resemblance and containment of documents", 1997). A set of at most SKETCH_TITLES titles is
its own sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from meli_tasks.core.text.splits import title_hashes

SKETCH_TITLES = 256
"""The fraction of titles that two sets share is then known with a standard error of 0.03 at most."""
_SHORTENED = np.uint64(32)


def sketch_of(titles: Sequence[str]) -> tuple[int, ...]:
    """The smallest hashes of the titles, in ascending order. Titles that `title_hashes` treats as equal are one."""
    smallest = np.unique(title_hashes(titles) >> _SHORTENED)[:SKETCH_TITLES]
    return tuple(int(value) for value in smallest)


def fraction_held(sketch: Sequence[int], other: Sequence[int]) -> float | None:
    """The fraction of one set's titles that the other set holds too; None if either has no sketch."""
    if not sketch or not other:
        return None
    # Beyond the largest hash of a full sketch, nothing is known of its set.
    known = min((max(each) for each in (sketch, other) if len(each) == SKETCH_TITLES), default=max(sketch))
    compared = [value for value in sketch if value <= known]
    held = set(other)
    return sum(value in held for value in compared) / len(compared) if compared else None


def fingerprint_of(titles: Sequence[str], categories: Sequence[str]) -> str:
    """Identifies a set of titles with their categories, in whatever order they come."""
    hashes = (f"{value:016x}" for value in title_hashes(titles).tolist())
    lines = sorted(f"{value} {category}" for value, category in zip(hashes, categories, strict=True))
    return sha256("\n".join(lines).encode()).hexdigest()
