"""Listings that were altered on their way: what breaks a page is requested again, and what does not changes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.artifacts.outputs import damage
from meli_tasks.execution.runner import Runner, Step
from meli_tasks.ledger import Ledger
from meli_tasks.store import Store, open_store
from meli_tasks.store.file import FileStore
from meli_tasks.store.protocol import Listed
from meli_tasks.store.s3_listing import SAME_PROBLEM, DamagedListing, ListingCheck
from tests.decided import MemoryStore, promote
from tests.execution.toy_stage import Toy, writes_its_params
from tests.fault_proxy import Fault, Plan, in_front_of

ENTRY = {"Key": "p/train/a", "Size": 3, "ETag": '"0"', "LastModified": datetime(2026, 11, 20, tzinfo=UTC)}
PAGE: dict[str, Any] = {"KeyCount": 1, "IsTruncated": False, "Contents": [ENTRY]}


@pytest.mark.parametrize(
    "change",
    [
        {"KeyCount": 0},
        {"KeyCount": 3},
        {"IsTruncated": True},
        {"NextContinuationToken": "more"},
        {"Contents": []},
        {"Contents": [{**ENTRY, "Key": "q/train/a"}]},
        {"Contents": [{**ENTRY, "Key": "p/train//a"}]},
        {"Contents": [{**ENTRY, "Key": "p/train\\a"}]},
        {"Contents": [{**ENTRY, "ETag": ""}]},
        {"Contents": [{**ENTRY, "Size": -3}]},
        {"Contents": [{"Kez": "p/train/a", "Size": 3, "ETag": '"0"'}]},
        {"Contents": [ENTRY, ENTRY], "KeyCount": 2},
    ],
)
def test_a_page_that_no_server_sends_is_requested_again(change: dict[str, Any]) -> None:
    check = ListingCheck("p/")
    with pytest.raises(DamagedListing):
        check(lambda: {**PAGE, **change}, "p/", [])
    assert check(lambda: PAGE, "p/", []) is PAGE


def test_a_number_that_boto3_cannot_read_is_requested_again() -> None:
    def send() -> Any:
        raise ValueError("invalid literal for int() with base 10: '3;'")

    with pytest.raises(DamagedListing, match="cannot be read"):
        ListingCheck("p/")(send, "p/", [])


def test_a_server_that_always_lists_like_that_is_taken_at_its_word() -> None:
    check, odd = ListingCheck("p/"), {**PAGE, "KeyCount": 1_000}
    seen: list[str] = []
    for _ in range(SAME_PROBLEM - 1):
        with pytest.raises(DamagedListing):
            check(lambda: odd, "p/", seen)
    assert check(lambda: odd, "p/", seen) is odd
    assert check(lambda: odd, "p/", []) is odd


def flips(text: str) -> Iterator[str]:
    """The text with each of its bits flipped, unless that gives no text."""
    data = text.encode()
    for place in range(len(data) * 8):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        try:
            yield changed.decode()
        except UnicodeDecodeError:
            continue


class AlteredNames(MemoryStore):
    """A store in memory, of whose listings one has an altered name."""

    altered: tuple[str, str] | None = None

    def names(self, prefix: str) -> Any:
        found = list(super().names(prefix))
        if self.altered and self.altered[0] in found:
            name, other = self.altered
            self.altered = None
            found[found.index(name)] = other
        return iter(sorted(set(found)))

    def objects(self, prefix: str) -> list[Listed]:
        return [Listed(name, "", 1, 0.0) for name in self.names(prefix)]


def test_no_flipped_bit_in_a_name_changes_the_last_decision() -> None:
    store = AlteredNames()
    for label in "abcdefg":
        promote(Ledger(store), label)  # type: ignore[arg-type]
    tried = 0
    for name in list(store.held):
        for altered in flips(name):
            store.altered = (name, altered)
            last = Ledger(store).last()  # type: ignore[arg-type]
            assert last is not None
            assert last.number == 7, altered
            tried += 1
    assert tried > 1_500


class AlteredListing(FileStore):
    """A folder, of whose listings one is altered."""

    alter: Callable[[list[Listed]], list[Listed]] | None = None

    def objects(self, prefix: str) -> list[Listed]:
        found = super().objects(prefix)
        return self.alter(found) if self.alter else found


def test_no_altered_listing_makes_a_whole_artifact_damaged(
    runner: Runner, toy: Callable[..., Toy], tmp_path: Path
) -> None:
    toy(writes_its_params)
    store = AlteredListing(tmp_path / "altered")
    made = Runner(runner.settings, store).run(Step("toy", "made", {"value": 7})).manifest
    changes: list[Callable[[list[Listed]], list[Listed]]] = [
        lambda found: [],
        lambda found: [replace(one, name=f"{one.name}x") for one in found],
        lambda found: [replace(one, size=one.size + 4) for one in found],
    ]
    for change in changes:
        store.alter = change
        assert damage(store, made) == []
    store.delete(made.file_name("folder/result.txt"))
    store.alter = None
    assert damage(store, made) == [f"{made.file_name('folder/result.txt')} is missing"]


@pytest.mark.integration
@pytest.mark.faults
def test_bits_flipped_in_the_listings_of_a_server_change_no_decision(s3_store: Store) -> None:
    for label in "abc":
        promote(Ledger(s3_store), label)
    plan = Plan(seed=5, flip_listings=True)
    with in_front_of(os.environ["MELI_S3_ENDPOINT"], plan) as proxy:
        store = open_store(s3_store.url, s3_endpoint=proxy, s3_retry_seconds=60)
        for _ in range(60):
            plan.next = [Fault.FLIPPED]
            last = Ledger(store).last()
            assert last is not None
            assert last.number == 3
    assert plan.done[Fault.FLIPPED] == 60
