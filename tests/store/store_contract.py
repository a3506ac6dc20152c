"""What every store must do. Each backend's test class inherits this one and gives a fixture `store`."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import Barrier

import pytest

from meli_tasks.core.errors import Conflict, NotFound, Rejected
from meli_tasks.store import Store, open_store
from meli_tasks.store.protocol import Page

RACERS = 8
BAD_NAMES = [
    "",
    "/etc/passwd",
    "../up",
    "a/../b",
    "a//b",
    "a/",
    "./a",
    "a\\b",
    "a\nb",
    "\udc80",
    ".store/lock",
    "a" * 256,
]


def race(attempt: Callable[[int], str]) -> list[str | Conflict]:
    """What each of eight threads got that called `attempt(index)` at one moment: a version or its Conflict."""
    together = Barrier(RACERS)

    def run(index: int) -> str | Conflict:
        together.wait()
        try:
            return attempt(index)
        except Conflict as conflict:
            return conflict

    with ThreadPoolExecutor(RACERS) as threads:
        return list(threads.map(run, range(RACERS)))


class StoreContract:
    def test_nothing_stands_at_a_new_name(self, store: Store) -> None:
        assert store.read("train/absent/manifest.json") is None
        assert store.size("train/absent/manifest.json") is None
        assert list(store.names("train/")) == []
        store.delete("train/absent/manifest.json")

    @pytest.mark.parametrize("data", [b"", b"{}", bytes(range(256)) * 40], ids=["empty", "json", "binary"])
    @pytest.mark.parametrize("name", ["a", "train/3f2a/manifest.json", "ñandú/São Paulo/100%20+&=?#é.json"])
    def test_what_is_written_is_read(self, store: Store, name: str, data: bytes) -> None:
        version = store.write(name, data)
        blob = store.read(name)
        assert blob is not None
        assert (blob.data, blob.version) == (data, version)
        assert store.size(name) == len(data)
        assert list(store.names("")) == [name]

    def test_a_later_write_replaces_and_has_another_version(self, store: Store) -> None:
        first = store.write("live/a.json", b"1")
        second = store.write("live/a.json", b"22")
        blob = store.read("live/a.json")
        assert blob is not None
        assert (blob.data, blob.version) == (b"22", second)
        assert first != second

    def test_only_one_create_of_a_name_succeeds(self, store: Store) -> None:
        store.write("ledger/1.json", b"first", if_absent=True)
        with pytest.raises(Conflict, match=r"ledger/1\.json"):
            store.write("ledger/1.json", b"second", if_absent=True)
        blob = store.read("ledger/1.json")
        assert blob is not None
        assert blob.data == b"first"

    def test_a_deleted_name_can_be_created_again(self, store: Store) -> None:
        store.write("a/b", b"first", if_absent=True)
        store.delete("a/b")
        assert store.read("a/b") is None
        store.write("a/b", b"second", if_absent=True)
        assert store.size("a/b") == 6

    def test_a_replace_needs_the_version_that_stands_there(self, store: Store) -> None:
        first = store.write("champion", b"first")
        second = store.write("champion", b"second", if_version=first)
        with pytest.raises(Conflict, match="champion"):
            store.write("champion", b"third", if_version=first)
        blob = store.read("champion")
        assert blob is not None
        assert (blob.data, blob.version) == (b"second", second)

    def test_a_replace_of_nothing_is_a_conflict(self, store: Store) -> None:
        version = store.write("there", b"data")
        with pytest.raises(Conflict, match="absent"):
            store.write("absent", b"data", if_version=version)
        assert store.read("absent") is None

    def test_of_racing_creates_one_wins(self, store: Store) -> None:
        for round_number in range(3):
            name = f"ledger/{round_number}.json"
            results = race(lambda index, name=name: store.write(name, b"%d" % index, if_absent=True))
            winners = [index for index, result in enumerate(results) if isinstance(result, str)]
            blob = store.read(name)
            assert blob is not None
            assert len(winners) == 1
            assert blob.data == b"%d" % winners[0]

    def test_no_increment_is_lost_in_a_race(self, store: Store) -> None:
        store.write("count", b"0")

        def increment(_: int) -> str:
            while True:
                blob = store.read("count")
                assert blob is not None
                try:
                    return store.write("count", b"%d" % (int(blob.data) + 1), if_version=blob.version)
                except Conflict:
                    continue

        race(increment)
        blob = store.read("count")
        assert blob is not None
        assert int(blob.data) == RACERS

    def test_names_come_sorted_by_prefix(self, store: Store) -> None:
        written = ["a/b/c", "a-b", "a.b", "a/b-c", "a/B", "a/é", "b/a", "a/b0"]
        for name in written:
            store.write(name, b"")
        assert list(store.names("")) == sorted(written)
        assert list(store.names("a")) == sorted(set(written) - {"b/a"})
        assert list(store.names("a/b")) == ["a/b-c", "a/b/c", "a/b0"]
        assert list(store.names("a/b/")) == ["a/b/c"]
        assert list(store.names("c/d")) == []

    def test_a_listing_has_the_size_of_each_object_and_another_version_after_each_write(self, store: Store) -> None:
        store.write("a/b", b"123")
        store.write("a/c", b"456")
        [first, other] = store.objects("a/")
        assert [(listed.name, listed.size) for listed in (first, other)] == [("a/b", 3), ("a/c", 3)]
        assert store.objects("a/") == [first, other]
        store.write("a/b", b"789")
        [again, unchanged] = store.objects("a/")
        assert (again.version != first.version, unchanged) == (True, other)
        assert store.objects("b/") == []

    def test_more_names_than_fit_one_page(self, store: Store) -> None:
        expected = [f"many/{number:05}" for number in range(1_003)]
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda name: store.write(name, b""), expected))
        assert list(store.names("many/")) == expected
        first, last = store.page("many/"), store.page("many/", "many/00999")
        assert ([listed.name for listed in first.objects], first.more) == (expected[:1_000], True)
        assert ([listed.name for listed in last.objects], last.more) == (expected[1_000:], False)
        assert store.page("many/", expected[-1]).objects == ()
        assert store.page("none/") == Page((), more=False)

    @pytest.mark.parametrize("size", [0, 1, 20_000_000], ids=["empty", "byte", "20MB"])
    def test_a_file_comes_back_as_it_went(self, store: Store, tmp_path: Path, size: int) -> None:
        there, back = tmp_path / "there", tmp_path / "new" / "back"
        there.write_bytes(os.urandom(size))
        store.upload(there, "train/key/model.safetensors")
        assert store.size("train/key/model.safetensors") == size
        store.download("train/key/model.safetensors", back)
        assert sha256(back.read_bytes()).digest() == sha256(there.read_bytes()).digest()
        assert [path.name for path in back.parent.iterdir()] == ["back"]

    def test_a_download_replaces_the_file_that_was_there(self, store: Store, tmp_path: Path) -> None:
        path = tmp_path / "model.json"
        path.write_bytes(b"an older, longer one")
        store.write("model.json", b"new")
        store.download("model.json", path)
        assert path.read_bytes() == b"new"

    def test_a_download_of_nothing_leaves_the_file_that_was_there(self, store: Store, tmp_path: Path) -> None:
        path = tmp_path / "out" / "model.json"
        path.parent.mkdir()
        path.write_bytes(b"old")
        with pytest.raises(NotFound, match=r"train/absent.*" + store.url):
            store.download("train/absent", path)
        assert path.read_bytes() == b"old"
        assert list(path.parent.iterdir()) == [path]

    def test_an_upload_of_nothing_says_so(self, store: Store, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match="absent"):
            store.upload(tmp_path / "absent", "a")
        assert store.read("a") is None

    def test_a_download_to_where_no_file_can_be_says_so(self, store: Store, tmp_path: Path) -> None:
        store.write("a", b"data")
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(Rejected, match="cannot be used"):
            store.download("a", tmp_path / "file" / "below")

    @pytest.mark.parametrize("name", BAD_NAMES)
    def test_names_that_could_leave_the_store_are_refused(self, store: Store, tmp_path: Path, name: str) -> None:
        (tmp_path / "file").write_bytes(b"")
        attempts: list[Callable[[], object]] = [
            lambda: store.read(name),
            lambda: store.write(name, b""),
            lambda: store.upload(tmp_path / "file", name),
            lambda: store.download(name, tmp_path / "file"),
            lambda: store.delete(name),
            lambda: store.size(name),
        ]
        for attempt in attempts:
            with pytest.raises(Rejected, match="cannot be stored"):
                attempt()

    @pytest.mark.parametrize("prefix", ["/", "../", "a/../b"])
    def test_prefixes_that_could_leave_the_store_are_refused(self, store: Store, prefix: str) -> None:
        with pytest.raises(Rejected, match="cannot be listed"):
            list(store.names(prefix))

    def test_two_stores_of_one_url_are_the_same(self, store: Store) -> None:
        store.write("a/b", b"data")
        again = open_store(store.url)
        blob = again.read("a/b")
        assert blob is not None
        assert blob.data == b"data"
        assert again.url == store.url
        assert store.url in repr(store)
