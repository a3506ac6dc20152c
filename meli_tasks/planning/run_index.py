"""The index of all runs: the newest ones, or all of them, in a few requests however many there are.

As long as the objects of all runs fit into one page of a listing, that listing says which rows are no longer what the
store has. A larger store is not listed: there, announcements say what has changed (`index.changes`). What has changed
is read from the runs themselves; once that is more than a few runs, they are added to the index. A store without an
index, or with a damaged one, is read once in whole, and gets an index.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from cachetools import LRUCache

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.reading import READERS, LenientReader, NotReadable
from meli_tasks.core.errors import BadData, MeliError
from meli_tasks.index.attempts import Attempts
from meli_tasks.index.changes import Change, announced
from meli_tasks.index.segments import DamagedIndex, Found, Part, Root, Segments
from meli_tasks.planning.past_figures import PastFigures, read_figures
from meli_tasks.planning.run_record import ESTIMATED, NIGHTS, RunCodec, read_run, read_titles
from meli_tasks.planning.run_row import RunHead, RunRow
from meli_tasks.planning.run_view import View, newest_first
from meli_tasks.store import Store
from meli_tasks.wording import count

logger = logging.getLogger("meli_tasks")

T = TypeVar("T")
LISTED = 150
"""Up to how many runs the plans are listed: a page of a listing has the objects of about as many."""
ADDED_AT = 8
"""How many changed runs are read from the runs themselves before they are added to the index."""
TRIES = 3
"""How often an index is read that another writer is updating."""
PARTS_KEPT = 24
DELETED = "its run is in the index, but the plan was deleted; `meli verify --repair` removes the run from the index"


@dataclass
class Noting:
    """Passes on what cannot be read, and keeps why in `unreadable`, by name."""

    attempts: Attempts
    unreadable: dict[str, str]

    def attempt(self, name: str, load: Callable[[], T | None]) -> T | None:
        """What `load` returns; None if it cannot be read."""

        def noted() -> T | None:
            try:
                found = load()
            except BadData as error:
                self.unreadable[name] = error.reason if isinstance(error, NotReadable) else str(error)
                raise
            self.unreadable.pop(name, None)
            return found

        return self.attempts.attempt(name, noted)

    def pass_on(self, store: Store, unreadable: Mapping[str, str]) -> None:
        """Report what an index says cannot be read."""
        for name, reason in unreadable.items():
            self.attempts.attempt(name, lambda name=name, reason=reason: _raise(store, name, reason))  # type: ignore[misc]


def _raise(store: Store, name: str, reason: str) -> None:
    raise NotReadable(f"{name} in {store.url} cannot be read: {reason}.", reason)


@dataclass(frozen=True)
class _Looked:
    """All runs, and what the index has to be updated with."""

    view: View
    found: Found | None
    changes: Sequence[Change]
    known: Mapping[str, RunRow]
    unreadable: dict[str, str]


class RunIndex:
    """The index of the runs of a store. Keep one, so that each of its objects is read only once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._segments = Segments(store, "runs", RunCodec())
        self._rows: LRUCache[str, list[RunRow]] = LRUCache(PARTS_KEPT)
        self._heads: LRUCache[str, list[RunHead]] = LRUCache(PARTS_KEPT)
        self._read: dict[str, tuple[Hashable, RunRow | None]] = {}
        """By plan: for which versions or announcements it was read, and what."""
        self._unreadable: dict[str, str] = {}
        self._last: View | None = None  # with the heads that it has read

    def look(self, attempts: Attempts, find: Callable[[View], T], add_from: int = ADDED_AT) -> T:
        """What `find` finds in all runs.

        Args:
            attempts: Reports what cannot be read.
            find: May raise DamagedIndex: then the index is built again.
            add_from: How many changed runs are added to the index.
        """
        damaged = ""
        for _ in range(TRIES):  # what is missing may have been replaced meanwhile
            try:
                looked = self._look(attempts)
                view = looked.view
                if len(view.changed) >= add_from:
                    view = self._add(looked)
                elif add_from == 1:  # another writer has added what was announced
                    self._remove(looked.changes, looked.known)
                if self._last and view.is_same(self._last):
                    self._last.listing = view.listing
                    view = self._last
                self._last = view
                return find(view)
            except DamagedIndex as error:
                damaged = str(error)
            except NotReadable as error:
                logger.warning("%s All runs are read instead.", error)
                return find(View(self, Root(), self._all(Noting(attempts, {}))))
        logger.warning("%s of %s is missing or damaged: the index of its runs is built again.", damaged, self.store.url)
        return find(self.rebuild(attempts))

    def newest(self, most: int, attempts: Attempts) -> list[RunRow]:
        """The newest runs, the newest first."""
        return self.look(attempts, lambda view: view.newest(most))

    def rows(self, part: Part) -> list[RunRow]:
        """The rows of a block; raises DamagedIndex."""
        found = self._rows.get(part.name)
        if found is None:
            found = self._rows[part.name] = self._segments.rows(part)
        return found

    def heads(self, part: Part) -> list[RunHead]:
        """The heads of an object; raises DamagedIndex."""
        found = self._heads.get(part.name)
        if found is None:
            found = self._heads[part.name] = self._segments.heads(part)
        return found

    def add_changed(self, least: int = 1) -> None:
        """Add changed runs to the index, if there are at least `least`; what goes wrong is only logged."""
        try:
            self.look(LenientReader(self.store), lambda view: None, least)
        except MeliError as error:
            logger.info("The index of the runs of %s was not updated: %s", self.store.url, error)

    def rebuild(self, attempts: Attempts) -> View:
        """Build the index from all runs."""
        changes = self._changes()
        try:
            found = self._segments.find()
            version = found.version if found else None
        except DamagedIndex:
            version = self._segments.version()
        unreadable: dict[str, str] = {}
        rows = self._all(Noting(attempts, unreadable))
        try:
            newest = newest_first(rows.values())
            rows |= {row.plan: row for row in self._with_titles(newest[:NIGHTS])}
            rows |= {row.plan: row for row in self._with_figures([rows[row.plan] for row in newest[:ESTIMATED]])}
            root = self._segments.rebuild(version, list(rows.values()), unreadable)
        except MeliError as error:
            logger.warning("The index of the runs of %s was not stored: %s", self.store.url, error)
            return View(self, Root(), rows)
        if root is None:  # another writer was faster
            return View(self, Root(), rows)
        logger.info("The index of the runs of %s was built: it has %s.", self.store.url, count(len(rows), "run"))
        self._remove(changes, rows)
        return View(self, root, {})

    def wrong(self) -> Iterator[tuple[str, str]]:
        """Objects of the index that are damaged, and plans that it does not have as they are, with what is wrong."""
        reader = LenientReader(self.store)
        try:
            if self._segments.find() is None:
                return
            of_index = self._content(reader)
        except DamagedIndex as error:
            yield str(error), "it is missing or damaged"
            return
        actual = {plan: row.content for plan, row in self._all(Noting(reader, {})).items()}
        suspect = {plan for plan in of_index.keys() | actual.keys() if of_index.get(plan) != actual.get(plan)}
        again = self._content(reader) if suspect else {}
        for plan in sorted(suspect):
            row = read_run(self.store, plan, reader, announced=paths.RUN_PARTS)
            if again.get(plan) != (row.content if row else None):  # or else it was written meanwhile
                yield plan, "the index of runs has something else of it, or has it not"

    def _content(self, attempts: Attempts) -> dict[str, RunRow]:
        view = self._look(attempts).view
        return {row.plan: row.content for row in view.rows(head.plan for head in view.heads())}

    def _all(self, noting: Noting) -> dict[str, RunRow]:
        """All runs, each read from its own objects."""
        names = [name for name in self.store.names(paths.PLANS) if paths.is_plan(name)]
        with ThreadPoolExecutor(READERS) as readers:
            read = readers.map(lambda name: read_run(self.store, name, noting, announced=paths.RUN_PARTS), names)
            return {row.plan: row for row in read if row}

    def _look(self, attempts: Attempts) -> _Looked:
        # In this order: what was announced by now and is no longer announced then is in the root that is read then.
        changes = self._changes()
        found = self._segments.find()
        if found is None or found.root.rows <= LISTED:
            page = self.store.page(paths.PLANS)
            if not page.more:
                return self._listed(found, {each.name: each.version for each in page.objects}, changes, attempts)
        if found is None:
            logger.info("%s has no index of its runs yet: it is built from all of them, a single time.", self.store.url)
            return _Looked(self.rebuild(attempts), None, (), {}, {})
        return self._announced(found, changes, attempts)

    def _listed(
        self, found: Found | None, listing: Mapping[str, str], changes: Sequence[Change], attempts: Attempts
    ) -> _Looked:
        """All runs of a store that has been listed."""
        root, noting = found.root if found else Root(), Noting(attempts, self._unreadable)
        parts = (*root.blocks, *([root.open] if root.open else []))
        known = {row.plan: row for part in parts for row in self.rows(part)}
        plans = [name for name in listing if paths.is_plan(name)]
        stale = {name for name in plans if name not in known or not _is_current(known[name], listing)}
        keys = {name: tuple(listing.get(paths.run_part(name, part), "") for part in paths.RUN_PARTS) for name in stale}
        changed = self._read_all(keys, lambda name: read_run(self.store, name, noting, listing), lambda name, row: True)
        unread = {
            name: why
            for name, why in root.unreadable.items()
            if name in listing and paths.plan_of_part(name) not in stale
        }
        noting.pass_on(self.store, unread | dict.fromkeys(known.keys() - listing.keys(), DELETED))
        hidden = frozenset(name for name in known if name not in listing or (name in stale and name not in changed))
        return _Looked(
            View(self, root, changed, hidden, listing), found, changes, known, {**unread, **self._unreadable}
        )

    def _announced(self, found: Found, changes: Sequence[Change], attempts: Attempts) -> _Looked:
        """All runs of a store that is too large to be listed."""
        root, noting = found.root, Noting(attempts, self._unreadable)
        known = {row.plan: row for row in (self.rows(root.open) if root.open else [])}
        of_plan: dict[str, list[Change]] = {}
        for change in changes:
            of_plan.setdefault(change.plan, []).append(change)
        keys = {
            plan: tuple(each.name for each in noted)
            for plan, noted in of_plan.items()
            if not all(_is_settled(change, known.get(plan)) for change in noted)
        }
        changed = self._read_all(
            keys,
            lambda name: read_run(self.store, name, noting, announced={change.part for change in of_plan[name]}),
            lambda name, row: all(change.is_abandoned or _is_settled(change, row) for change in of_plan[name]),
        )
        unread = {name: why for name, why in root.unreadable.items() if paths.plan_of_part(name) not in keys}
        noting.pass_on(self.store, unread)
        return _Looked(View(self, root, changed), found, changes, known, {**unread, **self._unreadable})

    def _changes(self) -> list[Change]:
        return announced(each.name for each in self.store.objects(paths.CHANGES))

    def _add(self, looked: _Looked) -> View:
        """Add what has changed to the index, unless another writer does so at the same time."""
        view, found = looked.view, looked.found
        changed = {row.plan: row for row in self._with_figures(self._with_titles(view.changed.values()))}
        rows = {**looked.known, **changed}
        try:
            if view.hidden:
                kept = [row for name, row in rows.items() if name not in view.hidden]
                root = self._segments.rebuild(found.version if found else None, kept, looked.unreadable)
            else:
                root = self._segments.update(found, changed.values(), looked.unreadable)
        except MeliError as error:
            logger.info("The index of the runs of %s was not updated: %s", self.store.url, error)
            return view
        if root is None:
            return view
        self._remove(looked.changes, rows)
        return View(self, root, {}, frozenset(), view.listing)

    def _with_titles(self, rows: Iterable[RunRow]) -> list[RunRow]:
        """Rows with what is said of the runs' titles; what cannot be read of that is left out."""
        reader = LenientReader(self.store)
        with ThreadPoolExecutor(READERS) as readers:
            wanted = list(rows)
            titles = readers.map(lambda row: read_titles(self.store, row, reader), wanted)
            found = [row.model_copy(update={"titles": each}) for row, each in zip(wanted, titles, strict=True)]
        reader.warn()
        return found

    def _with_figures(self, rows: Iterable[RunRow]) -> list[RunRow]:
        """Rows with what estimates need of the runs; what cannot be read of that is left out."""
        reader, found = LenientReader(self.store), []
        for row in rows:
            key = row.evaluated.key if row.evaluated else ""
            past = None if row.nothing_new else read_figures(self.store, row.plan, key, reader)
            found.append(row.model_copy(update={"past": past or PastFigures()}))
        reader.warn()
        return found

    def _remove(self, changes: Sequence[Change], rows: Mapping[str, RunRow]) -> None:
        """Remove the announcements of what is in the index by now; their runs were read after the changes were listed.

        So what was announced long ago and still is not in the row was replaced by a later write, or never written.
        """
        settled = [
            change.name for change in changes if change.is_abandoned or _is_settled(change, rows.get(change.plan))
        ]
        try:
            with ThreadPoolExecutor(READERS) as writers:
                list(writers.map(self.store.delete, settled))
        except MeliError as error:
            logger.info("Announcements in %s were not removed: %s", self.store.url, error)

    def _read_all(
        self,
        keys: Mapping[str, Hashable],
        read: Callable[[str], RunRow | None],
        is_final: Callable[[str, RunRow | None], bool],
    ) -> dict[str, RunRow]:
        """Read runs that have changed, each once for each key that is final."""
        new = [name for name, key in keys.items() if self._read.get(name, (None, None))[0] != key]
        rows = {name: self._read[name][1] for name in keys.keys() - set(new)}
        with ThreadPoolExecutor(READERS) as readers:
            rows |= zip(new, readers.map(read, new), strict=True)
        self._read = {name: (keys[name], row) for name, row in rows.items() if is_final(name, row)}
        return {name: row for name in keys if (row := rows[name])}


def _is_current(row: RunRow, listing: Mapping[str, str]) -> bool:
    """Whether a row was made from the objects that are listed."""
    return all(seen.version == listing.get(paths.run_part(row.plan, part), "") for part, seen in row.seen.items())


def _is_settled(change: Change, row: RunRow | None) -> bool:
    """Whether a row was made from what was announced, or does not depend on it."""
    if row is None:
        return False
    return change.part not in row.seen or row.seen[change.part].digest == change.digest
